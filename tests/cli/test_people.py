"""Who may answer: another person of the right role and tenant, once, in time."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from evals.expectations import Expectation
from tests.cli.conftest import Tower, arguments
from tests.forking import Forker

Asked = tuple[Path, dict[str, str]]


@pytest.fixture(scope="session")
def asked(
    prepared: Path, tmp_path_factory: pytest.TempPathFactory, forker: Forker, large_claim: Expectation
) -> Asked:
    """A home with a run that waits for a person, to be copied; and the run's and the question's id."""
    home = tmp_path_factory.mktemp("asked") / "home"
    shutil.copytree(prepared, home)
    done = Tower(home, forker).json("run", *arguments(large_claim))
    assert done["state"] == "waiting", done
    return home, {"run": done["run"], "id": done["approvals"][0]["id"]}


@pytest.fixture
def tower(asked: Asked, tmp_path: Path, forker: Forker) -> Tower:
    home = tmp_path / "home"
    shutil.copytree(asked[0], home)
    return Tower(home, forker)


@pytest.fixture
def waiting(asked: Asked) -> dict[str, str]:
    return asked[1]


def payments(tower: Tower) -> int:
    return tower.count("SELECT count(*) FROM desk_applied WHERE effect = 'Payment'", store="desk")


@pytest.mark.parametrize(
    ("who", "code", "said"),
    [("sam", 4, "can't answer it as well"), ("hanna", 4, "claims-lead"), ("noah", 2, "there is no approval")],
)
def test_the_requester_a_wrong_role_and_another_tenant_are_refused(
    tower: Tower, waiting: dict[str, str], who: str, code: int, said: str
) -> None:
    done = tower("approve", waiting["id"], "--as", who)

    assert (done.returncode, said in " ".join(done.stderr.split())) == (code, True), done.stderr
    assert payments(tower) == 0


def test_the_run_waits_until_another_process_approves_and_is_paid_once(
    tower: Tower, waiting: dict[str, str]
) -> None:
    assert tower("resume", waiting["run"]).returncode == 3

    first = tower("approve", waiting["id"], "--as", "lena")
    again = tower("approve", waiting["id"], "--as", "lena")
    other = tower("reject", waiting["id"], "--as", "lars", "--reason", "too late")

    assert (first.returncode, again.returncode, other.returncode) == (0, 0, 2), other.stderr
    assert "a decision stands" in " ".join(other.stderr.split())
    assert payments(tower) == 1


def test_rejected_means_nothing_is_paid(tower: Tower, waiting: dict[str, str]) -> None:
    why = "the invoice looks odd [/] größer"  # no markup of the terminal's
    done = tower("reject", waiting["id"], "--as", "lena", "--reason", why)

    assert (done.returncode, why in done.stdout) == (4, True), done.stderr
    assert tower.json("show", waiting["run"])["status"] == "rejected"
    assert payments(tower) == 0


def test_an_edit_is_paid_as_edited_and_only_within_policy(tower: Tower, waiting: dict[str, str]) -> None:
    wrong = tower("edit", waiting["id"], "--as", "lena", "--set", "iban=DE02120300000000202051")
    assert wrong.returncode in (2, 4), wrong.stdout
    assert payments(tower) == 0

    more = tower("edit", waiting["id"], "--as", "lena", "--set", "amount=99999999")
    assert more.returncode in (2, 4), more.stdout
    assert "not for more" in more.stderr

    done = tower("edit", waiting["id"], "--as", "lena", "--set", "amount=51234")

    paid = tower.count(
        "SELECT json_extract(result, '$.amount') FROM desk_applied WHERE effect = 'Payment'", store="desk"
    )
    assert (done.returncode, paid) == (0, 51234), done.stderr


def test_decided_without_resuming_the_run_goes_on_later(tower: Tower, waiting: dict[str, str]) -> None:
    assert tower("approve", waiting["id"], "--as", "lena", "--no-resume").returncode == 0
    assert payments(tower) == 0

    assert tower("resume", waiting["run"]).returncode == 0
    assert payments(tower) == 1


def test_a_delegate_answers_until_it_is_taken_back(tower: Tower, waiting: dict[str, str]) -> None:
    give = ("delegate", "hanna", "--role", "claims-lead", "--as", "lena", "--until")
    for who, told in (
        ("hana", "no hana in harbor"),
        ("noah", "no noah in harbor"),
        ("lena", "can't delegate"),
    ):
        refused = tower("delegate", who, *give[2:], "2100-01-01")
        assert (refused.returncode != 0, told in " ".join(refused.stderr.split())) == (True, True), (
            refused.stderr
        )

    assert "may answer until 2100-01-01 00:00 UTC" in " ".join(tower(*give, "2100-01-01").stdout.split())
    assert "no longer answers" in tower(*give, "2020-01-01").stdout
    assert tower("approve", waiting["id"], "--as", "hanna").returncode == 4
    tower(*give, "2100-01-01")
    done = tower("approve", waiting["id"], "--as", "hanna")

    assert f"{waiting['id']}: approved by hanna for lena" in " ".join(done.stdout.split()), done.stderr
    assert payments(tower) == 1


def test_nobody_acts_without_a_key(tower: Tower) -> None:
    assert tower("runs", "--as", "mallory").returncode == 4
    assert Tower(tower.home, tower.forker, {"TOWER_KEY": "sam.guessed"})("runs").returncode == 4
    (tower.home / "keys" / "sam.key").write_text("sam.forged\n")
    assert tower("run", "Am I covered?").returncode == 4


def test_people_see_their_own_tenant_and_what_policy_lets_them(tower: Tower, waiting: dict[str, str]) -> None:
    assert [r["run"] for r in tower.json("runs", "--as", "lena")] == [waiting["run"]]
    assert tower.json("runs", "--as", "noah") == []
    assert tower("show", waiting["run"], "--as", "noah").returncode == 2
    assert tower("audit", "show", "--as", "sam").returncode == 4
    assert tower("audit", "show").returncode == 0  # an auditor's key is the one taken


def test_who_decides_sees_all_that_it_rests_on_and_the_look_is_logged(
    tower: Tower, waiting: dict[str, str]
) -> None:
    account = re.compile(r"DE\d{20}")

    masked = " ".join(tower("approvals", "--as", "hanna").stdout.split())
    assert ("name <person:" in masked, "<iban:" in masked, bool(account.search(masked))) == (
        True,
        True,
        False,
    )
    assert "Albrecht" not in masked
    assert tower.entries(waiting["run"], "personal_seen") == 0

    shown = tower("approvals", "--as", "lena").stdout
    assert account.search(shown)
    assert tower.entries(waiting["run"], "personal_seen") == 1
    words = " ".join(shown.split())
    for seen in (
        "C-10002 (verified: post-room)",
        "name Jonas Albrecht",
        "get_policy policy_number HM-200002",
        "loss_date 2026-05-20",
        "INV-300002, status open",
        "payable 294000 (2,940.00 EUR)",
        "Damage to my car, policy HM-200002",
    ):
        assert seen in words, shown
    assert f"tower approve {waiting['id']} --as lena\n" in shown
    assert f"tower edit {waiting['id']} --set amount=294000 --as lena\n" in shown
    assert f"More: tower show {waiting['run']} --as lena\n" in shown

    whole = tower("show", waiting["run"], "--as", "lena").stdout
    assert "the place of the accident and can send them" in whole  # the letter to its end
    assert tower.entries(waiting["run"], "personal_seen") == 2
    assert not account.search(tower("audit", "export", "--as", "aris").stdout)
    listed = tower.json("approvals", "--as", "lena")[0]
    assert listed["grounds"]["customer"] == "C-10002"
    assert not account.search(str(listed))
