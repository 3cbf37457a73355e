"""Sinks: results go to LangSmith or a collector, with the cases that a person should look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.evals_judgement import Which, experiment_of, judged
from cli.terminal import Json, tell

if TYPE_CHECKING:
    from evals.rows import Experiment, Row
    from evals.sinks import Inputs


def deliver(experiment: Experiment, inputs: Inputs, *, required: bool) -> list[str]:
    """Send an experiment to the sinks that the environment configures; without one nothing is sent."""
    from evals.sinks import configured, send

    review = _doubtful(experiment) if "langsmith" in configured() else []
    return send(experiment, inputs=inputs, review=review, required=required)


def upload(experiment: Which = None, json: Json = False) -> None:
    """Send kept results to LangSmith or a collector.

    What is there already isn't sent twice.
    """
    from evals.suites import bench

    found = experiment_of(experiment)
    sent = deliver(found, bench().asked({row.suite for row in found.rows}), required=True)
    tell({"id": found.id, "sent": sent}, *sent, json=json)


def _doubtful(experiment: Experiment) -> list[Row]:
    """What `tower eval review` would ask about."""
    from evals.review import questions

    return [question.row for question in questions(experiment, judged(experiment, []))]
