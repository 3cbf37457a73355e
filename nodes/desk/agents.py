"""The desk's agents: who they are, what they are for and what they must return."""

from __future__ import annotations

from pathlib import Path

from nodes.desk.results import Answer, Assessment, ClaimDecision, ClaimFacts, CoverageVerdict
from nodes.team import Agent
from tools.desk.billing import get_invoice, list_invoices
from tools.desk.claims import get_claim, list_claims
from tools.desk.contacts import add_note, list_contacts
from tools.desk.customers import change_account, change_address, find_customer
from tools.desk.policies import assess_amount, check_coverage, get_policy, list_policies
from tools.desk.wording import search_wording

PROMPTS = Path(__file__).parent / "prompts"

EXTRACT = Agent(
    name="extract",
    kind="intake",
    job="Write down the facts of a loss from a customer's letter.",
    prompt=PROMPTS / "extract.md",
    owner="claims",
    returns=ClaimFacts,
)

COVERAGE = Agent(
    name="coverage",
    kind="coverage",
    job="Decide whether the policy covers the loss.",
    prompt=PROMPTS / "coverage.md",
    owner="claims",
    tools=(check_coverage, get_policy, search_wording),
    returns=CoverageVerdict,
)

ASSESS = Agent(
    name="assess",
    kind="coverage",
    job="Work out how much is payable for a covered loss.",
    prompt=PROMPTS / "assess.md",
    owner="claims",
    tools=(assess_amount,),
    returns=Assessment,
)

DECIDE = Agent(
    name="decide",
    kind="claims",
    job="Draft the decision on a claim.",
    prompt=PROMPTS / "decide.md",
    owner="claims",
    returns=ClaimDecision,
)

CLAIMS = Agent(
    name="claims",
    kind="claims",
    job="Carry out what was decided on a claim.",
    prompt=PROMPTS / "claims.md",
    owner="claims",
)

LETTERS = Agent(
    name="letters",
    kind="letters",
    job="Send the letter that fits a decision.",
    prompt=PROMPTS / "letters.md",
    owner="claims",
)

ANSWERS = Agent(
    name="answer",
    kind="answers",
    job="Answer a question from the policy wordings and procedures, with sources.",
    prompt=PROMPTS / "answer.md",
    owner="service",
    returns=Answer,
)

SERVICE = Agent(
    name="service",
    kind="service",
    job="Do a small service task on the customer's own records.",
    prompt=PROMPTS / "service.md",
    owner="service",
    tools=(
        find_customer,
        list_policies,
        get_policy,
        list_invoices,
        list_claims,
        list_contacts,
        add_note,
        change_address,
        change_account,
        search_wording,
    ),
    duty="read",
)

TRIAGE = Agent(
    name="triage",
    kind="service",
    job="Find the specialist for a service request.",
    prompt=PROMPTS / "triage.md",
    owner="service",
    duty="read",
)

BILLING = Agent(
    name="billing",
    kind="billing",
    job="Invoices, premiums, charges, payments by the customer, being charged twice, reminders.",
    prompt=PROMPTS / "billing.md",
    owner="billing",
    tools=(list_invoices, get_invoice, add_note, change_address),
    duty="read",
)

CLAIMS_SERVICE = Agent(
    name="claims_service",
    kind="claims-service",
    job="Questions about the state of a claim that was already reported.",
    prompt=PROMPTS / "claims-service.md",
    owner="claims",
    tools=(list_claims, get_claim, get_policy, add_note, search_wording),
    duty="read",
)

TECHNICAL = Agent(
    name="technical",
    kind="technical",
    job="Trouble with the website, the app, logging in or passwords.",
    prompt=PROMPTS / "technical.md",
    owner="platform",
    tools=(find_customer, list_contacts, add_note),
    duty="write",
)

COMPLIANCE = Agent(
    name="compliance",
    kind="compliance",
    job="Complaints about us: broken promises, slow or no answers, unfair treatment, staff, data protection, "
    "letters that others got.",
    prompt=PROMPTS / "compliance.md",
    owner="compliance",
    tools=(list_contacts, add_note),
    duty="write",
)
