"""Scenario 48 on the desk: a customer's name in the free text of a record reaches no agent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from governance.control import control, use_control
from governance.principals import Actor, User
from graphs.domain import Domain, domain
from nodes.admission import Request
from nodes.desk.agents import SERVICE
from tools.desk.contacts import add_note, list_contacts
from tools.gateway import call

SAM = User("sam", "harbor", frozenset({"customer-agent"}))
NOTE = {"customer_id": "C-10001", "kind": "note"}


@pytest.fixture
async def desk() -> AsyncIterator[Domain]:
    application = domain()
    await application.prepare()
    yield application
    control().close()
    use_control(None)


@pytest.mark.scenario(48)
async def test_what_a_person_noted_about_a_customer_is_masked(desk):
    request = Request("What did we talk about?", customer="C-10001")
    admitted = await desk.admission.admit(SAM, "single", request, uuid4().hex)
    actor = Actor(SERVICE.identity, admitted.run, "service/0")
    name = await control().vault.token("harbor", "person", "Marta Lindqvist")

    await call(add_note, NOTE | {"text": f"{name} rang about the hail"}, actor=actor, sequence=1)
    contacts = await call(list_contacts, {"customer_id": "C-10001"}, actor=actor, sequence=2)

    assert f"{name} rang about the hail" in str(contacts)
    assert "Lindqvist" not in str(contacts)
