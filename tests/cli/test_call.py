"""What a person does by hand passes the seams that an agent's act passes."""

from __future__ import annotations

from tests.cli.conftest import Tower

NOTE = ["--set", "customer_id=C-10001", "--set", "kind=note", "--set", "text=Called back, 0170 1234567."]


def test_a_read_is_cleared_budgeted_and_logged_in_a_run_of_its_own(tower: Tower):
    done = tower.json("call", "find_customer", "--set", "customer_id=C-10001", "--customer", "C-10001")

    assert (done["status"], done["outcome"]["usage"]["tool_calls"]) == ("completed", 1)
    assert tower.entries(done["run"], "cleared") == tower.entries(done["run"], "settled") == 1
    shown = tower("show", done["run"]).stdout
    assert "find_customer" in shown
    assert "DE8" not in shown + done["outcome"]["answer"], "personal values are tokens"


def test_another_customers_record_is_refused(tower: Tower):
    done = tower("call", "get_policy", "--set", "policy_number=HM-200009", "--customer", "C-10001")
    assert done.returncode == 4
    assert "doesn't belong to the customer" in done.stdout
    # Without a verified customer nothing of anybody's is read.
    assert tower("call", "get_policy", "--set", "policy_number=HM-200001").returncode == 4


def test_a_change_needs_another_persons_yes_and_is_undone_like_any(tower: Tower):
    before = tower.count("SELECT count(*) FROM desk_notes", store="desk")
    asked = tower.json("call", "add_note", *NOTE, "--customer", "C-10001")
    assert asked["state"] == "waiting"
    assert tower.count("SELECT count(*) FROM desk_notes", store="desk") == before

    ended = tower.json("approve", asked["approvals"][0]["id"], "--as", "lena")

    assert ended["status"] == "completed"
    assert tower.count("SELECT count(*) FROM desk_notes", store="desk") == before + 1
    assert tower.json("resume", asked["run"])["status"] == "completed"
    assert tower.count("SELECT count(*) FROM desk_notes", store="desk") == before + 1
    assert tower.json("undo", asked["run"], "--as", "lena")["status"] == "completed"


def test_what_cannot_be_understood_changes_nothing(tower: Tower):
    assert tower("call", "no_such_tool").returncode == 2
    assert tower("call", "find_customer", "--set", "nonsense").returncode == 2
    # An auditor starts nothing.
    assert tower("call", "find_customer", "--set", "customer_id=C-10001", "--as", "aris").returncode == 4
