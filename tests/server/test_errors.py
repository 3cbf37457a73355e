"""What a client is told of a run that stopped."""

from __future__ import annotations

from langgraph_api.serde import json_dumpb

from governance.errors import ModelUnavailable


def test_who_waits_for_a_model_that_is_away_hears_what_to_mend():
    assert b"nobody listens" in json_dumpb(ModelUnavailable("no connection, nobody listens"))
