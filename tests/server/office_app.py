"""The ticket office behind the HTTP door: two graphs without a model, one of which asks a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from governance.control import ControlPlane, use_control
from governance.limits import load_limits
from governance.policy import load_policy
from governance.policy_files import POLICIES
from governance.principals import Run
from governance.settings import Settings
from governance.store import ControlStore
from governance.vault import Vault
from graphs.domain import Domain
from graphs.http import http_door
from graphs.sequential import sequential
from nodes.action import Action
from nodes.admission import Admission
from tests.second import office

FOLDER = Path(office.__file__).parent / "policies"


def _plane() -> ControlPlane:
    settings = Settings.from_env()
    store = ControlStore(settings.url("control"))
    general = [path for path in POLICIES.iterdir() if path.is_file()]
    policies = settings.home / "policies"
    for folder, paths in ((policies, general), (policies / "office", FOLDER.iterdir())):
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            (folder / path.name).write_bytes(path.read_bytes())
    policy = load_policy([policies], office.TOOLBOX.surfaces())
    return ControlPlane(settings, store, policy, load_limits(folder=FOLDER), Vault(settings, store))


def _refund_of(order: str) -> Any:
    def arguments(results: Mapping[str, Any], _run: Run) -> dict[str, Any]:
        found = results["find_order"]
        return {"order_id": order, "amount": found["amount"], "iban": found["iban"]}

    find = Action(office.CASHIER, office.find_order, lambda _results, _run: {"order_id": order})
    return sequential([find, Action(office.CASHIER, office.refund, arguments, review=True)])


small = _refund_of("T-001").compile(name="small")
large = _refund_of("T-002").compile(name="large")


async def _nothing(*_: str) -> list[Any]:
    return []


async def _prepare() -> None:
    return None


DOMAIN = Domain(
    name="office",
    graphs={name: f"tests.server.office_app:{name}" for name in ("small", "large")},
    admission=Admission(office.Customers(), {"small": office.CONTRACT, "large": office.CONTRACT}),
    prepare=_prepare,
    readiness=_nothing,
)

use_control(_plane())
auth = http_door(DOMAIN)
