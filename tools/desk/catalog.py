"""The desk's tools, all of them."""

from __future__ import annotations

from tools.desk.billing import get_invoice, list_invoices
from tools.desk.charts import draw_chart, remove_chart
from tools.desk.claims import get_claim, list_claims, open_claim, withdraw_claim
from tools.desk.contacts import add_note, list_contacts, remove_note
from tools.desk.customers import change_account, change_address, find_customer
from tools.desk.drafting import check_letter
from tools.desk.letters import cancel_letter, send_letter
from tools.desk.measures import measure
from tools.desk.payments import pay_claim, recall_payment
from tools.desk.policies import assess_amount, check_coverage, get_policy, list_policies
from tools.desk.settlement import reopen_claim, settle_claim
from tools.desk.signals import claim_history, claim_signals, compare_cost

TOOLS = (
    find_customer,
    list_policies,
    get_policy,
    list_invoices,
    get_invoice,
    get_claim,
    list_claims,
    list_contacts,
    check_coverage,
    assess_amount,
    claim_signals,
    compare_cost,
    claim_history,
    open_claim,
    withdraw_claim,
    settle_claim,
    reopen_claim,
    pay_claim,
    recall_payment,
    add_note,
    remove_note,
    check_letter,
    send_letter,
    cancel_letter,
    change_address,
    change_account,
    measure,
    draw_chart,
    remove_chart,
)
