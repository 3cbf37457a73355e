"""The vault: tokens in, values out, for their own tenant alone."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as campaign
from hypothesis import strategies as st

from governance.detect import KINDS, TOKEN, find_personal
from governance.errors import ControlUnavailable
from governance.settings import Settings
from governance.spellings import canonical
from governance.store import ControlStore
from governance.vault import UnknownToken, Vault

SEEDS = {
    "Hanna Müller": "person",
    "hanna.mueller@example.com": "email",
    "DE89370400440532013000": "iban",
    "+49 170 1234567": "phone",
    "Lindenstraße 12, 24103 Kiel": "address",
    "1980-03-12": "birthdate",
}
SPELLINGS = {
    "person": [
        "Hanna Müller", "hanna müller", "HANNA MÜLLER", "Müller, Hanna", "Müller Hanna", "Hanna  Mueller",
        "Hanna\nMuller", "HANNA MUELLER", "Hanna Mu\u0308ller",
    ],
    "email": ["hanna.mueller@example.com", "Hanna.Mueller@Example.COM"],
    "iban": ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00"],
    "phone": [
        "+49 170 1234567", "+491701234567", "0049 170 1234567", "0170 1234567", "0170/123 45 67",
        "(0170) 1234567", "+49 (0)170 1234567", "0170-1234567", "+49-170-12 34 567",
    ],
    "address": [
        "Lindenstraße 12, 24103 Kiel", "Lindenstr. 12, 24103 Kiel", "LINDENSTRASSE 12, 24103 KIEL",
        "Lindenstrasse 12\n24103 Kiel", "Lindenstraße 12,\n24103  Kiel",
    ],
    "birthdate": ["1980-03-12", "12.03.1980", "12.3.1980", "12/03/1980", "12 March 1980", "March 12, 1980",
                  "12.03.80"],
}  # fmt: skip
EVERY = [(kind, spelling) for kind, spellings in SPELLINGS.items() for spelling in spellings]
VALUES = {kind: value for value, kind in SEEDS.items()}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    home = tmp_path_factory.mktemp("vault")
    store = ControlStore(f"sqlite:///{home}/control.db")
    yield Vault(Settings(home), store)
    store.close()


@pytest.fixture
def vault(settings: Settings, store: ControlStore) -> Vault:
    return Vault(settings, store)


async def test_a_value_comes_back_to_its_tenant_alone(vault: Vault) -> None:
    token = await vault.token("harbor", "iban", "DE89 3704 0044 0532 0130 00")
    assert TOKEN.fullmatch(token)
    assert await vault.reveal_json("harbor", token) == "DE89370400440532013000"
    assert await vault.token("harbor", "iban", "de89370400440532013000") == token
    assert await vault.token("lakeside", "iban", "DE89370400440532013000") != token
    with pytest.raises(UnknownToken, match="lakeside"):
        await vault.reveal_json("lakeside", token)
    with pytest.raises(UnknownToken):
        await vault.reveal_json("harbor", "<iban:000000000000>")
    with pytest.raises(ValueError, match="isn't a kind"):
        await vault.token("harbor", "shoe", "44")


@pytest.mark.parametrize(("kind", "spelling"), EVERY)
async def test_every_spelling_has_the_same_token(shared: Vault, kind: str, spelling: str) -> None:
    token = await shared.token("harbor", kind, VALUES[kind])
    text = await shared.tokenise("harbor", f"I am with {spelling}. Thanks", SEEDS)
    assert text == f"I am with {token}. Thanks"


async def test_parts_of_a_name_are_masked_when_they_are_names(shared: Vault) -> None:
    text = await shared.tokenise("harbor", "Dear Mrs Müller, hello HANNA, a müller grinds", SEEDS)
    assert not re.search("Müller|HANNA", text)
    assert text.endswith("a müller grinds")


async def test_numbers_and_words_around_are_left(shared: Vault) -> None:
    text = "Policy HM-200001, 1,200.50 EUR on 12.03.2024 for INV-300001; Hannah and Johanna Muellerson"
    assert await shared.tokenise("harbor", text, SEEDS) == text


async def test_tokens_stay_and_lookalikes_are_disarmed(vault: Vault) -> None:
    own = await vault.token("harbor", "iban", "DE89370400440532013000")
    foreign = await vault.token("lakeside", "iban", "DE89370400440532013000")
    text = f"{own} {foreign} <iban:3f9a1c07d2e4> <IBAN: {own[6:18]}> <iban:<iban:000000000000>> <b>"
    masked = await vault.tokenise("harbor", text, {})
    assert TOKEN.findall(masked) == TOKEN.findall(own)
    assert masked.startswith(own)
    assert masked.endswith("<b>")
    assert await vault.tokenise("harbor", masked, {}) == masked


async def test_a_lookalike_hides_nothing(shared: Vault) -> None:
    masked = await shared.tokenise("harbor", "<iban:hanna.mueller@example.com>", {})
    assert "example.com" not in masked


async def test_json_is_masked_throughout_and_comes_back(vault: Vault) -> None:
    value = {"to": ["Hanna Müller", {"anna@example.org": 1}], "cents": 5, "none": None, "yes": True}
    masked = await vault.tokenise_json("harbor", value, SEEDS)
    assert find_personal(TOKEN.sub(" ", str(masked))) == []
    assert "Müller" not in str(masked)
    assert (masked["cents"], masked["none"], masked["yes"]) == (5, None, True)
    assert await vault.reveal_json("harbor", masked) == value
    with pytest.raises(UnknownToken):
        await vault.reveal_json("lakeside", masked)


async def test_a_text_for_people_keeps_what_it_cannot_open(vault: Vault) -> None:
    token = await vault.token("harbor", "person", "Müller, Hanna")
    text = f"{token} <iban:3f9a1c07d2e4>"
    assert await vault.reveal_known("harbor", text) == "Hanna Müller <iban:3f9a1c07d2e4>"


async def test_nothing_readable_lies_on_the_disk(
    vault: Vault, store: ControlStore, settings: Settings
) -> None:
    await vault.tokenise("harbor", " ".join(spelling for _, spelling in EVERY), SEEDS)
    rows = await store.read(lambda tx: tx.all("SELECT * FROM vault"))
    assert len(rows) >= len(SEEDS)
    for value, kind in SEEDS.items():
        assert canonical(kind, value) not in str(rows)
    key = settings.home / "keys" / "vault.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    if store.url.startswith("sqlite"):
        held = b"".join(path.read_bytes() for path in settings.home.glob("control.db*"))
        assert b"370400440532013000" not in held
        assert "Müller".encode() not in held


async def test_a_second_process_has_the_same_tokens(vault: Vault, settings: Settings) -> None:
    token = await vault.token("harbor", "email", "a@example.org")
    other = ControlStore(settings.url("control"))
    assert await Vault(settings, other).token("harbor", "email", "A@example.org") == token
    assert await Vault(settings, other).reveal_json("harbor", token) == "a@example.org"
    other.close()


async def test_another_key_or_an_altered_row_opens_nothing(
    vault: Vault, settings: Settings, store: ControlStore
) -> None:
    token = await vault.token("harbor", "email", "a@example.org")
    other = await vault.token("harbor", "email", "b@example.org")
    await store.transact(
        lambda tx: tx.execute(
            "UPDATE vault SET ciphertext = (SELECT ciphertext FROM vault WHERE token = ?) WHERE token = ?",
            (other, token),
        )
    )
    with pytest.raises(ControlUnavailable, match="can't be opened"):
        await vault.reveal_json("harbor", token)
    (settings.home / "keys" / "vault.key").write_text("another\n")
    with pytest.raises(ControlUnavailable, match="can't be opened"):
        await Vault(settings, store).reveal_json("harbor", other)


async def test_an_empty_key_file_stops_everything(settings: Settings, store: ControlStore) -> None:
    (settings.home / "keys").mkdir(parents=True)
    (settings.home / "keys" / "vault.key").write_text("")
    with pytest.raises(ControlUnavailable, match="is empty"):
        await Vault(settings, store).tokenise("harbor", "Hanna Müller", SEEDS)


async def test_many_at_once_agree(vault: Vault) -> None:
    texts = await asyncio.gather(*(vault.tokenise("harbor", "Hanna Müller", SEEDS) for _ in range(20)))
    assert len(set(texts)) == 1


FIRST = st.sampled_from(
    ["Anna", "José", "Jürgen", "Siân", "Anne-Marie", "Li", "Søren", "Zoë", "Łucja", "Renée"]
)
LAST = st.sampled_from(
    ["Müller", "Großmann", "O'Neil", "van den Berg", "Storm", "Mueller", "Åberg", "Ng", "Voß", "García"]
)
LETTERS = st.text("abcdefgh xyz,.;:\n<>()-0123456789é", max_size=40)


@campaign(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FIRST, last=LAST, before=LETTERS, after=LETTERS, form=st.integers(0, 4), case=st.integers(0, 3))
def test_no_name_survives_in_any_spelling(
    shared: Vault, first: str, last: str, before: str, after: str, form: int, case: int
) -> None:
    forms = [f"{first} {last}", f"{last}, {first}", f"{last} {first}", f"{first}\n{last}", f"{first}  {last}"]
    spelled = [str, str.upper, str.lower, str.title][case](forms[form])
    masked = asyncio.run(
        shared.tokenise("harbor", f"{before} {spelled} {after}", {f"{first} {last}": "person"})
    )
    assert spelled not in masked
    assert re.search(r"<person:[0-9a-f]{12}>", masked)


@campaign(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200), kind=st.sampled_from(KINDS), value=st.text(min_size=1, max_size=40))
def test_round_trip(shared: Vault, text: str, kind: str, value: str) -> None:
    token = asyncio.run(shared.token("harbor", kind, value))
    assert asyncio.run(shared.reveal_json("harbor", token)) == canonical(kind, value)
    masked = asyncio.run(shared.tokenise("harbor", text, {}))
    assert asyncio.run(shared.tokenise("harbor", masked, {})) == masked
    assert find_personal(TOKEN.sub(" ", masked)) == []


@campaign(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(sorted(SPELLINGS)), data=st.data(), before=LETTERS, after=LETTERS)
def test_no_seed_survives_in_any_text(
    shared: Vault, kind: str, data: st.DataObject, before: str, after: str
) -> None:
    spelling = data.draw(st.sampled_from(SPELLINGS[kind]))
    masked = asyncio.run(shared.tokenise("harbor", f"{before} {spelling} {after}", SEEDS))
    assert spelling not in masked


def test_two_values_never_share_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "governance.vault.TenantKeys.token", lambda _self, kind, _value: f"<{kind}:{'0' * 12}>"
    )
    store = ControlStore(f"sqlite:///{tmp_path}/control.db")
    vault = Vault(Settings(tmp_path), store)
    asyncio.run(vault.tokenise("harbor", "a@example.org", {}))
    with pytest.raises(ControlUnavailable, match="share"):
        asyncio.run(vault.tokenise("harbor", "b@example.org", {}))
    store.close()
    with sqlite3.connect(tmp_path / "control.db") as db:
        assert db.execute("SELECT count(*) FROM vault").fetchone() == (1,)
    db.close()
