"""Where people come in: review of cases, and calibration of judges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.people import As, within
from cli.terminal import Exit, Json, dump, finish, say, styled

if TYPE_CHECKING:
    from cli.session import Session
    from evals.calibration import Calibration
    from evals.review import Question


def review(
    experiment: Annotated[str | None, typer.Argument(metavar="[EXPERIMENT]")] = None,
    agreement: Annotated[bool, typer.Option("--agreement", help="Only show who agrees with whom.")] = False,
    user: As = None,
) -> None:
    """Walk through what is undecided or disputed.

    What is right, and what measures say, comes after your answer: y, n, s (skip), q (quit), or t for the
    run's audit log. Held-out cases aren't shown.
    """

    async def work(opened: Session) -> None:
        import asyncio

        from cli.evals_judgement import experiment_of, judged
        from evals.review import Label, keep, labels, questions
        from evals.rows import home
        from evals.suites import bench
        from evals.traces import kept

        who, at = opened.user.id, opened.plane.clock().isoformat(timespec="seconds")
        if not agreement:
            found = experiment_of(experiment)
            open_ = questions(found, judged(found, []))
            say(f"{len(open_)} to look at, as {who}")
            asked = bench().asked({row.suite for row in found.rows})
            traces = kept()
            for number, question in enumerate(open_, 1):
                _show_question(question, f"{number} of {len(open_)}", asked)
                answer = await asyncio.to_thread(_answer, traces.get(question.row.run))
                if answer == "q":
                    break
                if answer == "s":
                    continue
                note = await asyncio.to_thread(typer.prompt, "Why (may be empty)", default="")
                row = question.row
                label = Label(
                    found.id, row.suite, row.case, row.repetition, question.metric,
                    passed=answer == "y", automatic=question.passed, by=who, note=note, at=at,
                )  # fmt: skip
                keep(label, home())
                _show_parts({"expected": row.expected, "why it was asked": question.why})
        _show_agreement(labels(home()))

    within(work, user)


def calibrate_judge(
    keep: Annotated[bool, typer.Option("--keep", help="Write it where the gate looks for it.")] = False,
    split: Annotated[str, typer.Option(help="dev, held_out, or all labelled pairs.")] = "all",
    rule: Annotated[
        bool, typer.Option("--rule", help="The rule without a model, which a judge has to beat.")
    ] = False,
    json: Json = False,
) -> None:
    """Hold the judge against people's labels.

    Only one that reaches gate.toml's demands may block.
    """

    async def work() -> int:
        from dataclasses import asdict

        from cli.evals_judgement import baselines
        from evals.calibration import Judge, calibrate
        from evals.calibration import keep as write
        from evals.rows import home
        from evals.rule_judge import RuleJudge
        from evals.suites import bench
        from evals.thresholds import read_thresholds
        from graphs.domain import domain, load

        judging: Any = load(f"evals.{domain().name}.judging")
        pairs, dataset = judging.pairs(split)
        if not rule:
            await bench().prepare(home() / "stage")
        judge: Judge = RuleJudge() if rule else judging.ModelJudge()
        found = await calibrate(judge, pairs, dataset, read_thresholds().judge)
        if keep and not rule:
            write(found, baselines())
        if json:
            dump(asdict(found) | {"may_block": found.may_block})
        else:
            _show_calibration(found)
        return Exit.COMPLETED if found.may_block else Exit.FAILED

    finish(work())


def _show_question(question: Question, place: str, asked: Mapping[tuple[str, str], Any]) -> None:
    from evals.review import unlabelled

    row = question.row
    say("", styled((f"{row.suite} {row.case}", "bold"), f"  {question.metric}  ", (place, "dim")))
    _show_parts({"asked": unlabelled(asked.get((row.suite, row.case))), "got": row.got})


def _show_parts(parts: Mapping[str, Any]) -> None:
    from evals.failures import shown

    for name, value in parts.items():
        say(styled((name, "dim"), f"  {value if isinstance(value, str) else shown(value)}"))


def _answer(trace: Path | None) -> str:
    """What the reviewer says, once it is one of the letters."""
    from evals.failures import told

    letters = ("y", "n", "s", "q", *("t" if trace else ""))
    while True:
        said = str(typer.prompt(f"Is it right? [{'/'.join(letters)}]", default="s")).strip().lower()
        if said == "t" and trace:
            say(*("  ".join(map(str, filter(None, line))) for line in told(trace)))
        elif said in letters:
            return said
        else:
            say(f"{said!r} is none of {', '.join(letters)}")


def _show_agreement(given: Any) -> None:
    from evals.review import agreement

    found = [f"{one} and {two}: kappa {k:.2f} on {n}" for (one, two), (k, n) in agreement(given).items()]
    say(*found or ["nobody has labelled anything yet"])


def _show_calibration(found: Calibration) -> None:
    say(f"{found.judge} on {found.pairs} labelled pairs")
    for name, agreed in found.criteria.items():
        numbers = f"kappa {agreed.kappa:.2f}, balanced accuracy {agreed.balanced_accuracy:.2f}, n {agreed.n}"
        say(f"  {name}: {numbers}")
    say(f"  keeps its preference when the answers swap: {found.consistency:.2f}")
    say(f"  prefers what comes first: {found.first:.2f} of its preferences")
    say("it may block a release" if found.may_block else "it may not block a release:")
    for reason in found.reasons:
        say(f"  {reason}")
