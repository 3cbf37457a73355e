"""Scenario 31: a worker three levels deep asks a person, at the root, and no sibling works again."""

from __future__ import annotations

from collections import Counter

import pytest

from governance.settings import Settings
from memory.checkpoints import open_checkpointer
from models.door import use_model
from tests.scenarios.conftest import LENA
from tests.scenarios.managed import LARGE, limit, team_of_teams, whole_story

AT = "team/0/chain/0/review_refund/0"


@pytest.mark.scenario(31)
async def test_an_approval_three_levels_deep_surfaces_with_its_path_and_no_sibling_works_again(desk):
    model = whole_story(LARGE)
    use_model(model)
    url = Settings.from_env().url("checkpoints")
    async with open_checkpointer(url) as saver:
        run = await desk.start(team_of_teams(saver), "Refund T-002 please")
    [question] = run.waiting
    before = Counter(prompt.key for prompt in model.prompts)
    assert question["path"] == AT
    assert desk.refunds() == []
    await desk.plane.decide(LENA, {"approval_id": question["approval_id"], "type": "approve"})

    async with open_checkpointer(url) as saver:  # another process, as far as the graph can tell
        run.graph = team_of_teams(saver)
        await run.resume()

    after = Counter(prompt.key for prompt in model.prompts)
    assert run.outcome["status"] == "completed", run.outcome
    assert after - before == {"Job of foreman.": 1, "Job of boss.": 1}
    assert [row[:2] for row in desk.refunds()] == [("T-002", 90_000)]
    [asked] = run.entries("approval_requested")
    assert f"/{AT}/" in asked["key"]


@pytest.mark.scenario(31)
async def test_a_no_three_levels_deep_decides_the_whole_run(desk):
    use_model(whole_story(LARGE))
    limit(desk, "team", seconds=60)
    run = await desk.start(team_of_teams(desk.saver), "Refund T-002 please")

    answer = {"approval_id": run.waiting[0]["approval_id"], "type": "reject", "message": "not yet"}
    await desk.plane.decide(LENA, answer)
    await run.resume()

    assert run.outcome["status"] == "rejected"
    assert "not yet" in " ".join(run.outcome["reasons"])
    assert desk.refunds() == []
