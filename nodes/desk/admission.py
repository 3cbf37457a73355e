"""Who may come in to the desk, and what a run of each graph may do at most."""

from __future__ import annotations

from governance.policy import declare_tools
from nodes.admission import Admission, Profile
from nodes.mail import trust_mail_server
from tools.desk import trusted
from tools.desk.catalog import TOOLS
from tools.desk.database import Desk
from tools.desk.wording import search_wording
from tools.registry import Toolbox

TOOLBOX = Toolbox([*TOOLS, search_wording])
# Whoever comes in has passed here, so policy knows the tools before it is first asked.
declare_tools(TOOLBOX.surfaces())
trust_mail_server("mx.harbor-mutual.example")

READ = {
    "find_customer": 4,
    "list_policies": 4,
    "get_policy": 8,
    "list_invoices": 4,
    "get_invoice": 8,
    "list_claims": 4,
    "get_claim": 8,
    "list_contacts": 4,
    "search_wording": 6,
}
SERVICE = {"add_note": 3, "change_address": 1}
CLAIM = {
    "check_coverage": 8,
    "assess_amount": 8,
    "open_claim": 1,
    "settle_claim": 1,
    "pay_claim": 1,
    "send_letter": 1,
}
ASSESSMENT = {"check_coverage": 8, "claim_signals": 4, "compare_cost": 4, "claim_history": 4}
DRAFTING = {"get_claim": 8, "check_letter": 12}
INVESTIGATION = {"measure": 24, "draw_chart": 1}


class DeskDirectory:
    """The desk's customers, as admission sees them."""

    async def by_email(self, tenant: str, email: str) -> str | None:
        """The customer with this address, or None."""
        return await trusted.find_by_email(Desk.current(), tenant, email)

    async def profile(self, tenant: str, subject: str) -> Profile | None:
        """The customer's personal values, and its own policies, claims, invoices and accounts."""
        records = await trusted.records_of(Desk.current(), tenant, subject)
        return Profile(records.known, records.trusted) if records else None


ADMISSION = Admission(
    DeskDirectory(),
    contracts={
        "direct": {},
        "single": {**READ, **SERVICE, "change_account": 1},
        "sequential": {**READ, **CLAIM},
        "handoff": {**READ, **SERVICE},
        "concurrent": {**READ, **ASSESSMENT},
        "group_chat": {"search_wording": 6, **DRAFTING},
        "magentic": {"search_wording": 6, **INVESTIGATION},
        "supervisor": {**READ, **CLAIM, "add_note": 1},
        "adaptive": {
            **READ,
            **SERVICE,
            **ASSESSMENT,
            **DRAFTING,
            **INVESTIGATION,
            **CLAIM,
            "change_account": 1,
        },
    },
    conversations=frozenset({"handoff"}),
)
