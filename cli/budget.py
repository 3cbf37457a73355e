"""Budget: what was spent, by whom, on what, and how much is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import OPERATION, WORK, acting, within
from cli.terminal import Json, table_of, tell

if TYPE_CHECKING:
    from rich.table import Table

    from cli.session import Session

BAR_WIDTH = 30


def budget(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Only this run, instead of your tenant today.")
    ] = None,
    user: Annotated[str | None, acting(OPERATION)] = None,
    json: Json = False,
) -> None:
    """Show what was spent and what is left.

    By run, by agent, by model and tool. A tenant's takes an operator's key.
    """

    async def work(opened: Session) -> None:
        if run_id:
            await opened.record(run_id)
        else:
            await opened.plane.permit(opened.user, "read_budget", tenant=opened.user.tenant)
        spent = await opened.plane.spent(opened.user.tenant, run_id)
        charts = {title: spent[f"by_{title}"] for title in ("run", "agent", "user", "model", "tool")}
        shown = [part for title, rows in charts.items() if rows for part in (_chart(title, rows), "")]
        times = _times(spent.get("times", {}))
        tell(spent, f"{spent['scope']}", _purse(spent["units"]), "", *shown, *times, json=json)

    within(work, user, WORK if run_id else OPERATION)


def _purse(units: dict[str, Any]) -> Table:
    """What is used of each limit, as bars."""
    table = table_of("unit", ">spent", ">reserved", ">limit", "")
    for unit, row in units.items():
        limit = row["limit"]
        used = row["spent"] + row["reserved"]
        shown = _bar(used, limit) if limit is not None else ""
        numbers = [_number(unit, row[name]) for name in ("spent", "reserved", "limit")]
        table.add_row("money" if unit == "micros" else unit.replace("_", " "), *numbers, shown)
    return table


def _chart(title: str, rows: list[dict[str, Any]]) -> Table:
    """Who or what used most, by money where any was spent, else by tokens, else by calls."""
    measure = next((u for u in ("micros", "tokens") if any(row[u] for row in rows)), "tool_calls")
    most = max(row[measure] for row in rows)
    table = table_of(title, ">calls", ">tokens", ">money", "")
    table.columns[0].min_width = 24
    for row in rows:
        calls = row["model_calls"] + row["tool_calls"]
        money = _number("micros", row["micros"])
        table.add_row(row["name"], f"{calls:,}", f"{row['tokens']:,}", money, _bar(row[measure], most))
    return table


def _bar(used: int, limit: int) -> Any:
    from rich.bar import Bar

    share = used / limit if limit else 1.0
    colour = "red" if share >= 1 and limit else "yellow" if share >= 0.8 else "green"  # noqa: PLR2004
    return Bar(1.0, 0, min(share, 1.0), width=BAR_WIDTH, color=colour)


def _number(unit: str, value: int | None) -> str:
    if value is None:
        return "-"
    return f"{value / 1_000_000:,.4f}" if unit == "micros" else f"{value:,}"


def _times(times: dict[str, Any]) -> list[str]:
    if not times:
        return []
    late = "; later than the service level allows" if times["late"] else ""
    return [f"{times['seconds']} s at work, {times['waited_seconds']} s waiting for people{late}"]
