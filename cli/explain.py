"""Explain: why a run went the way it went, out of what the journal and the audit log recorded then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As, within
from cli.terminal import Json, styled, tell

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cli.session import Session
    from governance.attribution import Faulty
    from governance.choices import Explanation
    from governance.runs import Record


def explain(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Its id, such as run-1a2b….")],
    user: As = None,
    json: Json = False,
) -> None:
    """Show why this pattern was picked and which step failed first.

    Task graph, rule, the records as they were then, policy and climbs.
    """

    async def work(opened: Session) -> None:
        found = await sections(opened, await opened.record(run_id))
        plain = {"run": run_id} | {name: value for name, (value, _) in found.items()}
        tell(plain, *(part for _, shown in found.values() for part in (*shown, "")), json=json)

    within(work, user)


Section = tuple[Any, list["RenderableType"]]
"""For machines, and for people."""


async def sections(opened: Session, record: Record) -> dict[str, Section]:
    """What there is to explain about a run; each question that can be asked of it is a section."""
    from cli.timeline import heading
    from governance.choices import explanations

    made = await explanations(opened.plane, record.run.id)
    choices = [{**choice.body, "entry": choice.entry, "unaltered": choice.unaltered} for choice in made]
    shown: list[RenderableType] = [heading(record)]
    if not made:
        shown.append(f"Nobody chose: it was started as {record.run.graph}, by its name.")
    for number, choice in enumerate(made):
        shown += ["", _climb(choice) if number else _table(_why(choice.body), choice)]
    return {"choices": (choices, shown), "fault": await _fault(opened, record)}


async def _fault(opened: Session, record: Record) -> Section:
    """The first faulty step, its kind, version and owner, as the audit log has it."""
    from dataclasses import asdict

    from governance import agents
    from governance.attribution import Teams, faults, first_fault

    plane = opened.plane
    known = await plane.store.read(agents.known)
    of_agents = {(each.identity.name, each.identity.version): each.identity.owner for each in known}
    of_tools = {name: tool.owner for name, tool in opened.application.tools.items()}
    found = faults(await opened.entries(record.run.id), Teams(of_agents, of_tools, plane.policy.owners))
    first = first_fault(found)
    overcome = [each for each in found if each.overcome]
    shown: list[RenderableType] = []
    if first is None:
        shown.append("No step failed." if not overcome else "What failed was made good on the way:")
        shown += [f"  entry {each.entry}: {each.kind}, {each.what}: {each.evidence}" for each in overcome]
    else:
        ended = (record.outcome or {}).get("status", record.state)
        shown += [f"The first step that failed, in a run that is {ended}:", _fault_table(first)]
    rest = [asdict(each) for each in found if each is not first]
    return {"first": asdict(first) if first else None, "others": rest}, shown


def _fault_table(fault: Faulty) -> RenderableType:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    owner = f"{fault.owner} answers for it"
    rows = {
        "step": fault.step,
        "kind": fault.kind,
        "at fault": f"{fault.what}, version {fault.version or '-'}",
    }
    where = f"entry {fault.entry} of the audit log, {fault.time[:19]}, {fault.hash[:16]}…"
    for label, value in (rows | {"owner": owner, "evidence": fault.evidence, "recorded": where}).items():
        table.add_row(label, value)
    return table


def _climb(choice: Explanation) -> RenderableType:
    climbed = choice.body["climbed"]
    rows = [("climbed", f"from {climbed['from']} to {choice.body['to']}"), ("because", climbed["why"])]
    return _table(iter(rows), choice)


def _why(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    shape, rule = body["shape"], body["rule"]
    yield "went to", f"{body['to']}, since {_decided(body)}"
    said = str(body["reason"]).removeprefix(f"{body['job'].replace('_', ' ')}: ")
    yield "job", f"{body['job']}, as the chooser says: {said}"
    needs = (f" (after {', '.join(task['needs'])})" if task["needs"] else "" for task in body["plan"])
    tasks = [f"{task['name']}{after}" for task, after in zip(body["plan"], needs, strict=True)]
    source = "the usual ones" if body["planned_by"] == "usual" else "planned by the chooser"
    if tasks:
        yield "tasks", f"{', '.join(tasks)}; {source}"
    numbers = ("tasks", "width", "depth", "coupling", "circular", "skills")
    yield "in numbers", ", ".join(f"{name} {shape[name]}" for name in numbers)
    if body["ladder"]:
        yield "rule", f"{rule['name']} → {rule['pattern']}: {rule['because']}"
        yield "ladder", " → ".join(body["ladder"])
    for pattern, reason in body["ruled_out"].items():
        yield "policy rules out", f"{pattern}: {reason}"
    for pattern, reason in body["left"].items():
        yield "has left", f"{pattern}: {reason}"
    for pattern in body["ladder"]:
        yield "records then", _record(pattern, body)


def _decided(body: Mapping[str, Any]) -> str:
    return {
        "rule": "that is what its task graph calls for",
        "nearest": f"that is the nearest open rung to {body['rule']['pattern']}",
        "records": "it drew the highest quality from what was recorded",
        "nobody": "no pattern is for this; a person has to look at it",
    }[str(body["by"])]


def _record(pattern: str, body: Mapping[str, Any]) -> str:
    arm = body["records"].get(pattern)
    if not arm:
        return f"{pattern}: none"
    drew = f", drew {body['draws'][pattern]:.2f}" if pattern in body["draws"] else ""
    return (
        f"{pattern}: runs {arm['runs']}, quality {arm['quality']:.2f}, {arm['tokens']:,.0f} tokens, "
        f"{arm['seconds']:.1f} s{drew}"
    )


def _table(rows: Iterator[tuple[str, str]], choice: Explanation) -> RenderableType:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    last = ""
    for label, value in rows:
        table.add_row("" if label == last else label, " ".join(value.split()))
        last = label
    kept = f"entry {choice.entry} of the audit log holds its hash"
    same = "and it is as it was written" if choice.unaltered else "AND IT WAS ALTERED SINCE"
    table.add_row("recorded", styled((f"{kept}, {same}", "" if choice.unaltered else "bold red")))
    return table
