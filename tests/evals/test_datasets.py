"""The labelled datasets are what their index and cards say, and `verify` finds what is wrong with a file."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.evals import app
from evals.datasets import SETS, Case, ToolCase
from evals.datasets import load as load_from
from evals.desk import suites
from evals.desk.data import DATASETS, DOCUMENTS
from evals.desk.suites import forms
from evals.suites import bench
from evals.verification import class_of
from evals.verification import verify as verify_in
from governance.errors import InvalidInput


def load(name, folder=DATASETS):
    return load_from(name, folder)


def verify(folder=DATASETS):
    return verify_in(folder, DOCUMENTS, forms=forms())


def test_the_files_are_what_the_index_says():
    assert verify() == []


@pytest.mark.parametrize(
    ("name", "least", "classes"),
    [("routing", 380, 13), ("tools", 120, 5), ("retrieval", 150, 2), ("cases", 80, 3), ("judge", 60, 3)],
)
def test_sets_are_as_large_as_promised(name, least, classes):
    rows = load(name)

    assert len(rows) >= least
    assert len({class_of(r) for r in rows}) >= classes


def test_scarce_kinds_are_there():
    cases = [r for r in load("cases") if isinstance(r, Case)]
    routing = Counter(map(class_of, load("routing")))

    assert routing["out_of_scope"] >= 60
    assert routing.total() - routing["out_of_scope"] >= 320
    assert Counter(map(class_of, load("retrieval")))["unanswerable"] >= 25
    assert sum(c.policy_critical for c in cases) >= 25
    assert sum(c.adversarial for c in cases) >= 20


def test_cases_that_write_stand_on_customers_of_their_own():
    cases = [r for r in load("cases") if isinstance(r, Case)]
    owners = Counter(c.about for c in cases if c.writes and c.about)

    assert [who for who, n in owners.items() if n > 1] == []


def test_no_tool_is_expected_and_forbidden():
    for row in load("tools"):
        assert isinstance(row, ToolCase)
        calls = [*row.calls, *(c for way in row.alternatives for c in way)]
        assert not {*(c.tool for c in calls), *row.allowed_extra} & {*row.forbidden}, row.id


def test_every_set_has_a_card():
    for name in SETS:
        card = (DATASETS / f"{name}.md").read_text(encoding="utf-8")
        assert "Apache-2.0" in card, name
        assert "Known weaknesses" in card, name


def _copy(folder):
    return Path(shutil.copytree(DATASETS, folder / "datasets"))


def _edit(folder, name, change):
    path = folder / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return "\n".join(verify(folder))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("routing", lambda rows: rows[0].update(note="x"), "isn't the one of the index"),
        ("routing", lambda rows: rows[1].update(id="R-0001"), "R-0001 is there 2 times"),
        ("routing", lambda rows: rows[0].update(intent="gossip"), "names 'gossip'"),
        ("routing", lambda rows: rows[0].update(text=rows[1]["text"] + "!"), "are near-duplicates"),
        ("policy", lambda rows: rows[0].update(expected="deny"), "policy: the file isn't the one"),
        ("tools", lambda rows: rows[0]["forbidden"].append("print_money"), "names 'print_money'"),
        ("retrieval", lambda rows: rows[0].update(relevant=["home-wording § 9.9"]), "§ 9.9"),
        ("cases", lambda rows: [r.update(split="dev") for r in rows], "less than a third is held out"),
        ("judge", lambda rows: rows.pop(), "rows is"),
        ("verdicts", lambda rows: rows.append(rows[0]), "V-001 is there 2 times"),
        ("verdicts", lambda rows: rows.append(rows[0] | {"id": "V-9"}), "V-9 is V-001 once more"),
        ("verdicts", lambda rows: rows[0].update(agent="concurrent/frud"), "V-001 names 'concurrent/frud'"),
        ("policy", lambda rows: rows[1].update(id=rows[0]["id"]), "is there 2 times"),
        ("policy", lambda rows: rows[0].update(kind="janitor"), "names 'janitor'"),
        ("policy", lambda rows: rows[0].update(tool="print_money"), "names 'print_money'"),
        ("aggregation", lambda rows: rows.append(rows[0] | {"id": "A-9"}), "once more"),
        ("aggregation", lambda rows: rows[0]["said"].update(juror="pay 0.9"), "names 'juror'"),
    ],
)
def test_what_is_wrong_is_found(tmp_path, name, change, says):
    assert says in _edit(_copy(tmp_path), name, change)


def test_a_row_of_another_form_is_refused(tmp_path):
    folder = _copy(tmp_path)

    found = _edit(folder, "judge", lambda rows: rows[0].update(mood="good"))

    assert found == "judge.jsonl line 1: mood: Extra inputs are not permitted"
    with pytest.raises(InvalidInput, match=r"judge\.jsonl line 1: mood.*data verify"):
        load("judge", folder)


def test_every_broken_set_is_named_with_its_file_and_line_and_nothing_of_what_it_says(tmp_path, monkeypatch):
    folder = _copy(tmp_path)
    (folder / "retrieval.jsonl").unlink()
    for name, at in (("routing", 2), ("policy", 0)):
        lines = (folder / f"{name}.jsonl").read_bytes().splitlines()
        lines[at] = b'{"id": "secret", '
        (folder / f"{name}.jsonl").write_bytes(b"\n".join(lines))
    (folder / "cases.jsonl").write_bytes(b"\xff\n" * 2)
    (folder / "tools.jsonl").write_text("")
    monkeypatch.setattr(suites, "DATASETS", folder)

    said = CliRunner().invoke(app, ["data", "verify", "--json"], catch_exceptions=False)

    found = json.loads(said.stdout)["findings"]
    assert said.exit_code == 1
    assert "retrieval.jsonl can't be read: No such file or directory" in found
    for place in ("routing.jsonl line 3", "policy.jsonl line 1", "cases.jsonl line 1", "cases.jsonl line 2"):
        assert [f for f in found if f.startswith(f"{place}: Invalid JSON")], found
    assert any(f.startswith("tools: rows is 0") for f in found)
    assert "secret" not in said.stdout


def test_an_example_that_a_row_was_taken_for_is_found():
    row = load("routing")[0]

    [finding] = verify_in(DATASETS, DOCUMENTS, {"routing": [row.text.upper(), "Where is the key?"]})
    assert finding.startswith(f"routing: {row.id} is nearly the example")


def test_the_front_door_was_taught_no_row():
    assert bench().verify() == []
