"""The `tower` command: run, watch, approve, audit."""

from __future__ import annotations

import gc
import os
import sys

import typer

from cli import (
    again,
    approvals,
    audit,
    budget,
    call,
    delegate,
    demo,
    doctor,
    effects,
    evals,
    explain,
    graphs,
    metrics,
    run,
    runs,
    undo,
    watch,
)
from cli.terminal import PROGRAM, Exit, complain

EPILOG = (
    "Exit codes: 0 completed · 1 failed · 2 wrong usage or unusable input · 3 waits for a person · "
    "4 denied, rejected or escalated · 130 interrupted · 143 stopped between two steps (SIGTERM)."
)

app = typer.Typer(
    name="tower",
    help="Governed multi-agent runs: agents propose, the control plane clears, people approve.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"max_content_width": 100},
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # rich's panels double the time that `--help` takes
)
app.command("run")(run.start)
app.command("watch")(watch.watch)
app.command("resume")(run.resume)
app.command("again")(again.again)
app.add_typer(runs.app, name="runs")
app.command("show")(run.show)
app.command("explain")(explain.explain)
app.command("approvals")(approvals.listing)
app.command("approve")(approvals.approve)
app.command("reject")(approvals.reject)
app.command("edit")(approvals.edit)
app.command("delegate")(delegate.delegate)
app.command("call")(call.call)
app.command("graphs")(graphs.graphs)
app.add_typer(effects.app, name="effects")
app.command("undo")(undo.undo)  # the same as `tower effects undo`
app.command("budget")(budget.budget)
app.add_typer(audit.app, name="audit")
app.add_typer(evals.app, name="eval")
app.command("metrics")(metrics.metrics)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command; any error is one paragraph, and a traceback only with TOWER_DEBUG=1."""
    # Loading makes half a million objects that all stay; looking through them took a tenth of a command.
    gc.set_threshold(100_000, 20, 100)
    _decide_tracing()
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115 - closed by whoever started us
    try:
        app(prog_name=PROGRAM)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:
        if os.environ.get("TOWER_DEBUG"):
            raise
        complain(_paragraph(error))
        sys.exit(_code(error))


def _decide_tracing() -> None:
    """Send traces only where a key says so; without one, nothing is sent whatever else is set."""
    if os.environ.get("LANGSMITH_API_KEY"):
        os.environ.setdefault("LANGSMITH_TRACING", "true")
        return
    for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"):
        os.environ[name] = "false"


def _paragraph(error: Exception) -> str:
    from governance.connections import FULL
    from governance.errors import TowerError

    text = " ".join(str(error).split())
    if isinstance(error, TowerError):
        return text
    if any(said in text for said in FULL):
        return f"{text}: make room where TOWER_HOME lies; a run that began goes on with `tower resume RUN`"
    if "unable to open database file" in text:
        return f"{text}: set TOWER_HOME to a folder that you may write to"
    return f"{type(error).__name__}: {text or 'no message'}. Set TOWER_DEBUG=1 for the traceback."


def _code(error: Exception) -> Exit:
    from governance.errors import Denied, InvalidInput, NotAuthenticated

    if isinstance(error, InvalidInput):
        return Exit.USAGE
    return Exit.REFUSED if isinstance(error, (Denied, NotAuthenticated)) else Exit.FAILED


if __name__ == "__main__":
    main()
