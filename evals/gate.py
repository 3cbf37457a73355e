"""Gate: whether a release may go out, in one of three states, each with its reasons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from evals.baselines import Baseline
from evals.rows import Experiment, Row, aggregate, by_suite
from evals.statistics import bootstrap, drop_to_floor, holm, mcnemar, smallest_drop
from evals.summary import scores_of, summary
from evals.thresholds import HARM, Metric, Safety, Thresholds
from evals.verdict import Finding, State, Verdict

_SHOWN = 8


def decide(
    experiment: Experiment,
    baseline: Baseline,
    thresholds: Thresholds,
    *,
    judge_calibrated: bool = False,
    stale: Sequence[str] = (),
) -> Verdict:
    """Hold an experiment against thresholds and baseline.

    Args:
        stale: What was evaluated and has changed since, in words.
    """
    now, before = by_suite(experiment.rows), by_suite(baseline.rows)
    compared = []
    for metric in thresholds.metric:
        source = baseline.sources.get(metric.suite)
        same = source is not None and source.dataset == experiment.datasets.get(metric.suite, "")
        found = _compare(metric, now[metric.suite], before[metric.suite], thresholds, same_cases=same)
        unread = _compare(replace(metric, split="held_out"), now[metric.suite], (), thresholds)
        counted = (row for row in now[metric.suite] if metric.split in {None, row.split})
        if broken := sorted({row.case for row in counted if row.error}):
            why = f"{len(broken)} cases could not be judged: {_few(broken)}"
            found = replace(found, state=State.FAIL, reasons=(*found.reasons, why))
        blocks = judge_calibrated or not metric.name.endswith("_judge")
        compared.append(replace(found, held_out=unread.mean if unread.n else None, blocks=blocks))
    adjusted = holm({f.key: f.p for f in compared if f.p is not None and f.blocks})
    findings = [_judged(f, adjusted, thresholds) for f in compared]
    findings += [_harmless(each, now[each.suite], before[each.suite]) for each in thresholds.safety]
    findings += [_undemanded(each) for each in sorted(_harms(now) - {s.key for s in thresholds.safety})]
    state = min((f.state for f in findings if f.blocks), key=list(State).index, default=State.FAIL)
    if stale and state is State.PASS:
        state = State.INCONCLUSIVE
    e, limits = experiment, thresholds
    about = (_fingerprint(findings, now, limits, [*stale, e.id] if stale else []), e.git_sha, e.policy)
    compared_with = {s.model for suite, s in baseline.sources.items() if suite in limits.suites()}
    against = tuple(sorted(compared_with - {e.model}))
    return Verdict(
        e.id, state, tuple(findings), limits.pending, limits.version, *about, tuple(stale), against
    )


def _compare(
    metric: Metric,
    rows: Sequence[Row],
    rows_before: Sequence[Row],
    limits: Thresholds,
    *,
    same_cases: bool = False,
) -> Finding:
    """Measure a metric; what the tests say of it is judged together with the others."""
    rows = [row for row in rows if metric.split in {None, row.split}]
    now, before = scores_of(rows, metric), scores_of(rows_before, metric)
    if not any(metric.name in row.scores for row in rows):
        return _of_all(metric, rows)
    mean, state, reasons = sum(now.values()) / len(now), State.PASS, []
    if metric.floor is not None and metric.sign * (mean - metric.floor) < 0:
        state = State.FAIL
        reasons.append(f"{mean:.3f} misses the floor of {metric.floor:.3f}")
    beyond = sorted(case for case, score in now.items() if not 0 <= score <= 1)
    # Something else than a share has its floor beyond 1.
    if beyond and (metric.primary or (metric.floor or 0) <= 1):
        state = State.FAIL
        reasons.append(f"a share isn't below 0 or above 1: {_few(beyond)}")
    if same_cases and (absent := sorted(before.keys() - now.keys())):
        state = State.FAIL
        reasons.append(f"{len(absent)} cases of the baseline are missing: {_few(absent)}")
    found = Finding(metric.key, state, tuple(reasons), metric, mean, len(now))
    both = sorted(now.keys() & before.keys())
    if not both:
        return found
    found = replace(found, before=sum(before.values()) / len(before))
    # Baselines keep six digits: what is lost by that is no change.
    changes = [metric.sign * round(now[case] - before[case], 5) for case in both]
    bounds = bootstrap(changes, confidence=limits.confidence, resamples=limits.resamples)
    return replace(
        found,
        change=bounds,
        p=mcnemar(changes) if metric.primary else None,
        sees=_sees(metric, found.before or 0.0, len(both), limits),
        worse=tuple(case for case, change in zip(both, changes, strict=True) if change < 0),
    )


def _sees(metric: Metric, before: float, n: int, limits: Thresholds) -> float | None:
    """The smallest drop that shows in `n` pairs: in the test, of a primary metric, or at the floor."""
    tested = len([m for m in limits.metric if m.primary])
    drops = []
    if metric.primary:
        drops.append(smallest_drop(n, alpha=limits.alpha / tested, power=limits.power))
    if metric.floor is not None:
        shares = (before, metric.floor) if metric.sign > 0 else (1 - before, 1 - metric.floor)
        drops.append(drop_to_floor(*shares, n, power=limits.power))
    return min((each for each in drops if each is not None), default=None)


def _of_all(metric: Metric, rows: Sequence[Row]) -> Finding:
    """Measure what only all rows together say, such as an AUROC; it has a floor and no pairs."""
    value = summary(rows).get(metric.name) if rows else None
    if value is None:
        return Finding(metric.key, State.FAIL, ("the metric is missing: no case was scored",), metric)
    reasons = []
    if metric.floor is not None and metric.sign * (value - metric.floor) < 0:
        reasons.append(f"{value:.3f} misses the floor of {metric.floor:.3f}")
    state = State.FAIL if reasons else State.PASS
    return Finding(metric.key, state, tuple(reasons), metric, value, len(rows))


def _judged(found: Finding, adjusted: Mapping[str, float], limits: Thresholds) -> Finding:
    """Say what a measured metric's change amounts to."""
    metric = found.metric
    if not isinstance(metric, Metric) or not metric.primary or not found.n:
        return found
    if found.change is None:
        reason = (
            "there is no baseline; look at the results, then accept them: tower eval gate --accept REASON"
        )
        state = State.FAIL if found.state is State.FAIL else State.INCONCLUSIVE
        return replace(found, state=state, reasons=(*found.reasons, reason))
    p, reasons, state = adjusted.get(found.key, found.p), list(found.reasons), found.state
    if found.sees is None or found.sees > metric.delta:
        sees = f"{found.sees:.3f} and more" if found.sees is not None else "no drop at all"
        reasons.append(f"too small for its delta of {metric.delta:.3f}: {found.n} cases show {sees}")
    if p is not None and p < limits.alpha and found.change.mean < 0:
        state = State.FAIL
        reasons.append(f"got worse by {-found.change.mean:.3f} (p = {p:.2g}): {_few(found.worse)}")
    elif found.change.lower <= -metric.delta and state is not State.FAIL:
        state = State.INCONCLUSIVE
        reasons.append(
            f"may have got worse by {-found.change.lower:.3f}, and {metric.delta:.3f} is allowed: "
            f"{_few(found.worse)}"
        )
    return replace(found, state=state, reasons=tuple(reasons), p=p)


def _harmless(demand: Safety, rows: Sequence[Row], rows_before: Sequence[Row]) -> Finding:
    """One case that did harm, or of which nobody knows, is one too many."""
    scored = [row for row in rows if demand.name in row.scores and not row.error]
    harmful = sorted({row.case for row in scored if row.scores[demand.name] != demand.safe})
    known = {row.case for row in scored}
    expected = {row.case for row in rows_before if demand.name in row.scores}
    unknown = sorted({row.case for row in rows if row.error} | (expected - known))
    reasons = []
    if not scored:
        reasons.append("the metric is missing: no case was scored")
    if harmful:
        reasons.append(f"harm in {len(harmful)} cases: {_few(harmful)}")
    if unknown and scored:
        reasons.append(f"nobody knows of {len(unknown)} cases: {_few(unknown)}")
    state, worse = State.FAIL if reasons else State.PASS, tuple(harmful or unknown)
    return Finding(demand.key, state, tuple(reasons), demand, *aggregate(scored, demand.name), worse=worse)


def _harms(now: Mapping[str, Sequence[Row]]) -> set[str]:
    return {
        f"{suite}/{name}"
        for suite, rows in now.items()
        for row in rows
        for name in HARM
        if name in row.scores
    }


def _undemanded(key: str) -> Finding:
    suite, name = key.split("/")
    why = "harm is measured and not demanded: add a [[safety]] of it to gate.toml"
    return Finding(key, State.FAIL, (why,), Safety(suite, name))


def _fingerprint(
    findings: Iterable[Finding], now: Mapping[str, Sequence[Row]], limits: Thresholds, stale: Sequence[str]
) -> str:
    undecided = {
        f.key: sorted(scores_of(now[f.metric.suite], f.metric).items())
        for f in findings
        if f.state is State.INCONCLUSIVE and isinstance(f.metric, Metric)
    }
    text = json.dumps([limits.version, undecided, stale], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _few(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - _SHOWN} more" if len(cases) > _SHOWN else ""
    return ", ".join(cases[:_SHOWN]) + more
