"""Gate command: whether a release may go out, and who answers for what the gate couldn't decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.evals_judgement import Which, baselines, judged, release_of
from cli.people import As
from cli.terminal import Exit, Json, dump, finish, say, styled, table_of

if TYPE_CHECKING:
    from cli.session import Session
    from evals.signoff import SignOff
    from evals.verdict import Verdict

SHADES = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
ANSWERS = "answer_for_release"
MORE = "Run it more often (`tower eval run --repeat 5`)"


def gate(
    experiment: Which = None,
    suite: Annotated[list[str] | None, typer.Option(help="Only what is demanded of this suite.")] = None,
    sign_off: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Answer for what is INCONCLUSIVE, or of old code, in your name."),
    ] = None,
    accept: Annotated[
        str | None, typer.Option(metavar="REASON", help="Make these results the baseline, in your name.")
    ] = None,
    user: As = None,
    json: Json = False,
) -> None:
    """Say whether a release may go out.

    PASS (exit 0), FAIL (1) or INCONCLUSIVE (3).
    """

    async def work() -> int:
        from cli.session import session
        from evals.baselines import accept as take
        from evals.signoff import sign, signed

        # A public set, a suite by itself or some cases may have been run since.
        found, folder = release_of(experiment, suite or ()), baselines()
        if accept is not None:
            async with session(user, needs=ANSWERS) as opened:
                taken = take(found, folder, by=opened.user.id, why=accept, suites=suite or ())
                await _log(
                    opened, "baseline_accepted", {"experiment": found.id, "why": accept, "suites": taken}
                )
            say(f"{', '.join(taken)} of {found.id} are the baseline now: commit {folder}")
        verdict = judged(found, suite or [])
        if sign_off is not None:
            async with session(user, needs=ANSWERS) as opened:
                at = opened.plane.clock().isoformat(timespec="seconds")
                sign(verdict, folder, by=opened.user.id, why=sign_off, at=at)
                await _log(
                    opened, "release_signed_off", {"fingerprint": verdict.fingerprint, "why": sign_off}
                )
        signature = signed(verdict, folder)
        if json:
            dump(_as_json(verdict, signature))
        else:
            _show(verdict, signature, found.model)
        return _exit(verdict, signature)

    finish(work())


async def _log(opened: Session, kind: str, body: dict[str, Any]) -> None:
    from governance.audit import Entry

    entry = Entry(kind, tenant=opened.user.tenant, user=opened.user.id, body=body)
    await opened.plane.store.transact(lambda tx: opened.plane.audit.append(tx, entry))


def _exit(verdict: Verdict, signature: SignOff | None) -> Exit:
    if verdict.state == "PASS" or (verdict.state == "INCONCLUSIVE" and signature):
        return Exit.COMPLETED
    return Exit.FAILED if verdict.state == "FAIL" else Exit.WAITING


def _as_json(verdict: Verdict, signature: SignOff | None) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(verdict) | {"signed_off": asdict(signature) if signature else None}


def _show(verdict: Verdict, signature: SignOff | None, model: str) -> None:
    from evals.verdict import by_reason

    table = table_of(
        "metric", "state", ">n", ">mean", ">held out", ">floor", ">before", ">change", ">sees", ">p"
    )
    for f in verdict.findings:
        floor = f.metric.floor if hasattr(f.metric, "floor") else f.metric.safe
        change = f.change.mean if f.change else None
        numbers = [_number(x) for x in (f.mean, f.held_out, floor, f.before, change, f.sees)]
        state = (f.state, SHADES[f.state]) if f.blocks else (f"{f.state}, not calibrated", "dim")
        table.add_row(f.key, styled(state), str(f.n), *numbers, "·" if f.p is None else f"{f.p:.2g}")
    say(table, "")
    for reason, found in by_reason(verdict.findings).items():
        keys = [part for f in found for part in (", ", (f.key, SHADES[f.state]))][1:]
        say(styled(*keys, f": {reason}"))
    for pending in verdict.pending:
        say(styled((f"pending: {pending.name}: {pending.why}", "dim")))
    say("", *(styled(("not what is here", "yellow"), f": {each}") for each in verdict.stale))
    if verdict.against:
        say(styled(("another model's baseline", "yellow"), f": {', '.join(verdict.against)}"))
    # Whether files differed from the commit stands after its 40 digits.
    commit = f"{verdict.commit[:12]}{verdict.commit[40:]}"
    about = f"  {verdict.experiment}  model {model}, commit {commit}, policy {verdict.policy}"
    say(styled((verdict.state, f"bold {SHADES[verdict.state]}"), about))
    if signature:
        say(f"signed off by {signature.by} at {signature.at}: {signature.why}")
    elif verdict.state == "INCONCLUSIVE":
        again = "Evaluate what is here (`tower eval run`)" if verdict.stale else MORE
        say(f"{again}, look at it (`tower eval review`),")
        say("or answer for it:")
        say('  tower eval gate --sign-off "why" --as NAME')


def _number(value: float | None) -> str:
    return "·" if value is None else f"{value:.3f}"
