"""The files that run are known by hash; a change is seen, logged and can be taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance import manifest
from governance.acts import Cost
from governance.errors import ReleaseChanged
from governance.manifest import Manifest, kind_of, read_manifest
from tests.governance.conftest import CONTRACT, LENA, SAM, act


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    files = {
        "graphs/a.py": "A = 1\n",
        "tools/t.py": "T = 1\n",
        "nodes/desk/prompts/p.md": "Be kind.\n",
        "governance/policies/x.cedar": "// x\n",
        "governance/policies/limits.toml": "[run]\n",
        "models/roles.toml": "[worker]\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_every_kind_of_file_is_in_it(tree, settings):
    found = read_manifest(settings.home, tree)
    assert {kind_of(path) for path in found.files} == {
        "code",
        "tools",
        "prompts",
        "policies",
        "limits",
        "models",
    }
    assert found.hash == read_manifest(settings.home, tree).hash
    (tree / "nodes/desk/prompts/p.md").write_text("Be kind!\n")
    assert read_manifest(settings.home, tree).hash != found.hash


async def test_what_differs_from_the_approved_files_is_brought_back(plane, settings, tree):
    home, store = settings.home, plane.store
    first = read_manifest(home, tree)
    await store.transact(lambda tx: manifest.approve(tx, plane.audit, LENA, first, home, plane.clock(), tree))
    (tree / "governance/policies/x.cedar").write_text("permit (principal, action, resource);\n")
    (tree / "tools/t.py").unlink()
    (tree / "graphs/new.py").write_text("NEW = 1\n")
    wanted, by, _ = await store.read(manifest.approved)

    assert by == "lena"
    assert read_manifest(home, tree).differs(wanted) == {
        "governance/policies/x.cedar": "changed",
        "graphs/new.py": "added",
        "tools/t.py": "removed",
    }

    await store.transact(lambda tx: manifest.restore(tx, plane.audit, SAM, home, plane.clock(), tree))

    assert read_manifest(home, tree) == wanted
    assert (tree / "tools/t.py").read_text() == "T = 1\n"
    aside = {path.name: path.read_text() for path in (home / "set-aside").rglob("*") if path.is_file()}
    assert aside == {"x.cedar": "permit (principal, action, resource);\n", "new.py": "NEW = 1\n"}
    kinds = [entry["kind"] for entry in plane.audit.entries()]
    assert kinds == ["configuration", "configuration_approved", "configuration_restored"]


@pytest.mark.scenario(42)
async def test_a_run_says_on_which_files_it_ran_and_under_which_it_goes_on(build, plane):
    plane.manifest = Manifest({"graphs/a.py": "1", "governance/policies/limits.toml": "1"})
    run = await plane.open_run(graph="g", user=SAM, contract=CONTRACT, input={})
    await plane.clear(act(run))

    upgraded = build()
    upgraded.manifest = Manifest({"graphs/a.py": "2", "governance/policies/limits.toml": "1"})
    await upgraded.clear(act(run, sequence=2))
    await upgraded.clear(act(run, sequence=3))

    (opened,) = plane.audit.entries(kind="run_opened", run=run.id)
    assert opened["body"]["manifest"] == plane.manifest.hash
    (migrated,) = plane.audit.entries(kind="run_migrated", run=run.id)
    versions = {"before": plane.manifest.hash, "manifest": upgraded.manifest.hash}
    assert migrated["body"] == versions | {"kinds": ["code"]}
    # It is written before the first act under the new files.
    acts = [entry["seq"] for entry in plane.audit.entries(run=run.id, kind="cleared")]
    assert acts[0] < migrated["seq"] < acts[1]
    changed = [entry["body"] for entry in plane.audit.entries(kind="configuration")][-1]
    assert (changed["kinds"], changed["changed"]) == (["code"], ["graphs/a.py"])


@pytest.mark.scenario(42)
async def test_what_an_earlier_release_did_is_never_done_in_other_words(build, plane):
    plane.manifest, args = Manifest({"graphs/a.py": "1"}), {"claim_id": "CL-400001", "amount": 10_100}
    run = await plane.open_run(graph="g", user=SAM, contract=CONTRACT, input={})
    await plane.settle(await plane.clear(act(run)), {"paid": 1}, Cost(tool_calls=1))

    for _ in range(2):  # and the process after the one that took it up
        upgraded = build()
        upgraded.manifest = Manifest({"graphs/a.py": "2"})
        assert (await upgraded.clear(act(run))).done_before
        with pytest.raises(ReleaseChanged, match="where it did pay_claim"):
            await upgraded.clear(act(run, args=args))

    refused = [entry["body"]["refusal"] for entry in plane.audit.entries(kind="refused")]
    assert refused == ["ReleaseChanged"] * 2
    assert not (await plane.clear(act(run, args=args))).done_before, "the release it began on may"


@pytest.mark.scenario(42)
async def test_a_graph_may_gain_steps_and_lose_none(build, plane):
    plane.manifest = Manifest({"graphs/a.py": "1"})
    run = await plane.open_run(graph="g", user=SAM, contract=CONTRACT, input={})
    await plane.take_up(run, {"read", "pay"})
    upgraded = build()
    upgraded.manifest = Manifest({"graphs/a.py": "2"})

    with pytest.raises(
        ReleaseChanged, match=rf"no step pay any more.*{plane.manifest.hash}.*cancel {run.id}"
    ):
        await upgraded.take_up(run, {"read", "refund"})
    assert [e["body"]["missing"] for e in plane.audit.entries(kind="migration_refused")] == [["pay"]]
    await build().take_up(run, {"read", "refund"})  # nobody keeps book of what runs there
    await upgraded.take_up(run, {"read", "check", "pay"})
    await plane.take_up(run, {"read", "pay"})
