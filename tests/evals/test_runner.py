"""The runner: what was judged isn't judged again, what wasn't is, and the same case gives the same row."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sqlite3
import threading
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from cli.evals_table import _number
from evals import runner, versions
from evals.agents import by_agent
from evals.rows import Row, aggregate, home, ids, latest, read, write
from evals.runner import Plan, evaluate
from evals.suites import Bench, Item, Setting, Suite, bench
from evals.summary import auroc, summaries
from governance.errors import InvalidInput
from tests.evals.making import row

HERE = Path(__file__)


class Counter:
    """A suite of four cases that counts how often it judges one."""

    def __init__(self) -> None:
        self.judged: list[str] = []
        self.breaks_at = ""
        self.texts = {"a": "one", "b": "two", "c": "three", "d": "four"}
        self.scores = {"accuracy_ref": lambda item, n: float(item.data != "two")}

    async def evaluate(self, item: Item, setting: Setting) -> Row:
        if item.id == self.breaks_at:
            raise KeyboardInterrupt
        self.judged.append(item.id)
        scores = {name: score(item, setting.repetition) for name, score in self.scores.items()}
        return Row("count", "output", item.id, item.split, setting.repetition, scores, item.data, None)

    def cases(self) -> list[Item]:
        return [
            Item("count", name, "dev" if name < "c" else "held_out", text)
            for name, text in self.texts.items()
        ]

    async def nothing(self, folder: Path) -> None: ...


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    counted = Counter()
    suite = Suite("count", "output", "", HERE, counted.cases, counted.evaluate, ("accuracy_ref",))
    told = Bench((suite,), counted.nothing, counted.nothing, {}, list)
    monkeypatch.setattr(runner, "bench", lambda: told)
    runner._found.cache_clear()
    yield counted
    runner._found.cache_clear()


def plan(**more) -> Plan:
    return Plan(runner.bench().suites, max_concurrency=1, **more)


def test_what_was_judged_is_not_judged_again(counter):
    first = evaluate(plan())
    second = evaluate(plan())

    assert counter.judged == ["a", "b", "c", "d"]
    assert second.rows == first.rows
    assert second.id != first.id


def test_no_cache_judges_again_and_gives_the_same_rows(counter):
    first = evaluate(plan())
    second = evaluate(plan(cache=False))

    assert len(counter.judged) == 8
    assert second.rows == first.rows


def test_a_run_that_was_killed_goes_on_where_it_was(counter):
    counter.breaks_at = "c"
    with pytest.raises(KeyboardInterrupt):
        evaluate(plan())
    counter.breaks_at = ""
    experiment = evaluate(plan())

    assert counter.judged == ["a", "b", "c", "d"], "the first two were kept as they came"
    assert [row.case for row in experiment.rows] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("what", ["case", "code", "model", "graph"])
def test_whatever_a_row_depends_on_has_it_judged_again(counter, monkeypatch, what):
    evaluate(plan())
    if what == "case":
        counter.texts["a"] = "another"
    if what == "code":
        known = versions.versions()
        monkeypatch.setattr(runner, "versions", lambda: known | {"code": "other"})
    if what == "model":
        monkeypatch.setattr(versions, "model_name", lambda _: "other/model")
    evaluate(plan(graph="single" if what == "graph" else ""))

    assert len(counter.judged) == (5 if what == "case" else 8)


@pytest.fixture
def endpoint():
    """Start a stub that says its own name; returns its address and the paths that it was asked for."""
    with ExitStack() as stack:

        def start(name: str) -> tuple[str, list[str]]:
            asked = []

            class Stub(BaseHTTPRequestHandler):
                def do_GET(self):
                    asked.append(self.path)
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(name.encode())

                def log_message(self, *_): ...

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Stub))
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}", asked

        yield start


def test_two_endpoints_with_a_model_of_the_same_name_are_two_models(counter, monkeypatch, endpoint):
    async def ask(item: Item, setting: Setting) -> Row:
        async with httpx.AsyncClient(trust_env=False) as client:
            said = await client.get(os.environ["OPENAI_BASE_URL"])
        return item.row(setting, "component", scores={}, expected=None, got=said.text)

    asking = dataclasses.replace(runner.bench().suites[0], evaluate=ask)
    told = dataclasses.replace(runner.bench(), suites=(asking,))
    monkeypatch.setattr(runner, "bench", lambda: told)
    monkeypatch.setenv("TOWER_MODEL", "same")
    found, asked = [], []
    for url, paths in map(endpoint, ("first", "second")):
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        found += [evaluate(plan(cases=("a",))), evaluate(plan(cases=("a",)))]
        asked.append(len(paths))

    assert [e.rows[0].got for e in found] == ["first", "first", "second", "second"]
    assert asked == [1, 1]
    assert found[0].model.startswith("openai/same@")
    assert found[0].model == found[1].model != found[2].model
    assert "127.0.0.1" not in found[0].model


def test_a_local_model_is_its_file(counter, monkeypatch, tmp_path):
    monkeypatch.setenv("TOWER_LOCAL_GGUF", str(tmp_path / "small.gguf"))
    models = []
    for content in (b"one", b"two", None):
        if content:
            (tmp_path / "small.gguf").write_bytes(content)
        else:
            (tmp_path / "small.gguf").unlink()
        models.append(evaluate(plan()).model)

    assert len(counter.judged) == 12
    assert len(set(models)) == 3
    assert all(model.startswith("local/small.gguf@") for model in models)


def test_repetitions_are_rows_of_their_own_and_pass_hat_k_needs_all_of_them(counter):
    experiment = evaluate(plan(repeat=3, split="dev"))

    assert [(row.case, row.repetition) for row in experiment.rows] == [
        (case, n) for case in "ab" for n in range(3)
    ]
    assert summaries(experiment.rows)["count", "dev"]["accuracy_ref_pass_hat_k"] == 0.5


def test_harm_in_one_repetition_is_no_success_and_repetitions_are_no_more_cases(counter):
    counter.scores |= {"unauthorised_writes": lambda item, n: float(item.id == "a" and n == 1)}
    found = evaluate(plan(repeat=3, split="dev")).rows

    assert summaries(found)["count", "dev"]["unauthorised_writes_pass_hat_k"] == 0.5
    assert aggregate(found, "accuracy_ref") == (0.5, 2)
    assert _number({"accuracy_ref": 0.5}, "accuracy_ref", found) == "0.500"
    tagged = [dataclasses.replace(each, tags=("agent:x/y",)) for each in found]
    assert by_agent(tagged, runner.bench().suites) == {("x/y", "count"): {"dev": (0.5, 2)}}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"model": "local"}, "set TOWER_LOCAL_GGUF to a GGUF file"),
        ({"model": "gpt-5"}, "set OPENAI_API_KEY or OPENAI_BASE_URL"),
        ({"graph": "nope"}, "there is no graph nope; there are adaptive, direct"),
        ({"split": "foo"}, "there is no split foo; there are dev, held_out"),
        ({"cases": ("a", "K-999")}, "there is no case K-999 in count"),
        ({"cases": ("a",), "split": "held_out"}, "no case of count is of that split"),
    ],
)
def test_what_says_something_else_than_would_be_run_is_refused(counter, more, said):
    with pytest.raises(InvalidInput, match=said):
        evaluate(plan(**more))

    assert counter.judged == []


def test_another_graph_is_for_the_output_layer():
    with pytest.raises(InvalidInput, match="routing isn't one"):
        evaluate(Plan(bench().chosen(names=["routing"]), graph="single"))


def test_an_empty_experiment_is_not_kept(counter):
    with pytest.raises(InvalidInput, match="nothing of count was evaluated"):
        write(dataclasses.replace(evaluate(plan()), rows=()))

    assert ids() == []


def test_a_broken_record_is_named(counter):
    folder = write(evaluate(plan()))
    (folder / "meta.json").write_text((folder / "meta.json").read_text()[:40])

    for look in (latest, ids, lambda: read(folder)):
        with pytest.raises(InvalidInput, match=rf"{folder.name}/meta.json is broken"):
            look()


def test_a_record_is_whole_or_not_there(counter, monkeypatch):
    experiment = evaluate(plan())
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write(experiment)

    assert ids() == []


def test_the_newest_that_has_every_case_of_its_own_graph_is_taken(counter):
    wanted = {"count": {"a", "b", "c", "d"}}
    with pytest.raises(InvalidInput, match="run `tower eval run`"):
        latest(wanted)
    parts = [plan(split="dev"), plan(cases=("a",)), plan(graph="single")]
    for number, each in enumerate(parts, 1):
        write(dataclasses.replace(evaluate(each), created=f"2026-11-2{number}"))
    with pytest.raises(InvalidInput, match="no experiment has every case of count"):
        latest(wanted)
    whole = dataclasses.replace(evaluate(plan()), created="2026-11-20")
    write(whole)

    assert latest(wanted) == whole
    assert latest().created == "2026-11-23"


def test_a_case_that_breaks_scores_nothing_says_why_and_is_tried_again(counter, monkeypatch):
    counter.texts["b"] = None
    broken = dataclasses.replace(
        runner.bench().suites[0], evaluate=lambda item, setting: counter.evaluate(None, setting)
    )
    working = runner.bench()
    monkeypatch.setattr(runner, "bench", lambda: dataclasses.replace(working, suites=(broken,)))
    row = evaluate(plan(cases=("a",))).rows[0]

    assert set(row.scores.values()) == {0.0}
    assert "AttributeError" in row.error
    monkeypatch.setattr(runner, "bench", lambda: working)
    runner._found.cache_clear()
    assert evaluate(plan(cases=("a",))).rows[0].error == ""


def test_the_record_is_the_same_in_files_and_database(counter):
    experiment = evaluate(plan())
    folder = write(experiment)

    assert read(folder) == read(experiment.id[:12]) == latest() == experiment
    with closing(sqlite3.connect(home() / "evals.db")) as db:
        (mean,) = db.execute("SELECT avg(value) FROM scores WHERE metric = 'accuracy_ref'").fetchone()
        kept = [json.loads(row) for (row,) in db.execute('SELECT row FROM rows ORDER BY "case"')]
    assert mean == aggregate(experiment.rows, "accuracy_ref")[0] == 0.75
    assert [row["case"] for row in kept] == ["a", "b", "c", "d"]
    with pytest.raises(InvalidInput, match="no experiment"):
        read("1999")


def test_a_metric_of_fewer_rows_says_how_many():
    found = [row("a", scores={"all": 1.0, "few": 0.5}), row("b", scores={"all": 0.0})]

    assert _number({"all": 0.5, "few": 0.5}, "few", found) == "n=1  0.500"
    assert _number({"all": 0.5, "few": 0.5}, "all", found) == "0.500"


def test_suites_are_found_by_layer_and_name():
    names = [suite.name for suite in bench().chosen(["output"])]

    assert names == ["answers", "cases", "cases-single", "oracle"]
    with pytest.raises(InvalidInput, match="layers are model, component, output"):
        bench().chosen(["outside"])


def test_a_layer_that_has_none_of_the_suites_is_refused():
    with pytest.raises(InvalidInput, match="of cases none is of the layer model"):
        bench().chosen(["model"], ["cases"])


def test_labels_that_are_no_suites_cases_count_as_code(monkeypatch, tmp_path):
    """Otherwise a leak that is labelled anew would be looked for in rows of before."""
    shutil.copytree(
        versions.ROOT, tmp_path / "tree", ignore=shutil.ignore_patterns(".*", "examples", "tests")
    )
    labels = tmp_path / "tree/evals/desk/datasets/personal.jsonl"
    monkeypatch.setattr(versions, "ROOT", tmp_path / "tree")
    before = versions.versions()["code"]
    labels.write_text(labels.read_text().partition("\n")[2])

    assert versions.versions()["code"] != before


def test_auroc_counts_pairs_in_order():
    assert auroc([1.0, 0.5], [0.5, 0.0]) == 0.875
    assert auroc([], [1.0]) == 0.5
