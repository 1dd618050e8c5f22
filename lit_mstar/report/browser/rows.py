"""What the browser of problems gets: plain lists and short keys, since there may be a hundred thousand responses.

A problem is {id, q(uestion), ref(erence), choices, im(ages: indices), flags, g(roups)}; a group, of one iteration or of
a test, {l(abel), t(emperature), n(ote), r(esponses)}; a response {s(egments), a(nswer), c(orrect), k(ept), o(rder of
scores among the right ones), v(alue: its score), rule, m(arks)}; a segment [text, score of the step or null, whether it
is true or null].
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

from lit_mstar.report.browser.flags import flags_of, marks_of
from lit_mstar.report.browser.thumbnails import Thumbnails
from lit_mstar.rollouts.nouns import Judge, Problem, Response, Rollout


class Group(NamedTuple):
    """Rollouts that were sampled together: what people call them, and what there is to say of each response."""

    label: str
    rollouts: Sequence[Rollout]
    temperature: float | None = None
    note: str = ""


def problem_rows(groups: Sequence[Group], judge: Judge, pictures: Thumbnails) -> list[dict[str, Any]]:
    """Every problem of the groups, in the order in which they come, with what each group has of it."""
    found: dict[str, list[tuple[Group, Rollout]]] = {}
    for group in groups:
        for rollout in group.rollouts:
            found.setdefault(rollout.problem.id, []).append((group, rollout))
    return [_problem(history, judge, pictures) for history in found.values()]


def packed(data: Any) -> str:
    """Compressed JSON in base64, for a page to unpack; the same data, the same text."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


def segments(response: Response, verdicts: Sequence[bool] | None) -> list[list[Any]]:
    """A response's text, divided where its steps are; what is no step has no score."""
    parts: list[list[Any]] = []
    done = 0
    for number, step in enumerate(response.steps):
        start = response.text.find(step, done)
        if start < 0:  # not written as it stands in the text
            continue
        if before := response.text[done:start].strip():
            parts.append([before, None, None])
        score = _number(response.step_scores[number]) if number < len(response.step_scores) else None
        true = verdicts[number] if verdicts is not None and number < len(verdicts) else None
        parts.append([step, score, true])
        done = start + len(step)
    rest = response.text[done:].strip()
    return [*parts, [rest, None, None]] if rest else parts


def _number(value: float | None) -> float | None:
    """A score as JSON has it: NaN is none."""
    return None if value is None or not isfinite(value) else round(value, 3)


def _problem(history: Sequence[tuple[Group, Rollout]], judge: Judge, pictures: Thumbnails) -> dict[str, Any]:
    problem: Problem = history[0][1].problem
    groups = [_group(group, rollout, judge) for group, rollout in history]
    marks = {mark for group in groups for response in group["r"] for mark in response.get("m", ())}
    row: dict[str, Any] = {
        "id": problem.id,
        "q": problem.question,
        "ref": problem.answer,
        "im": pictures.of(problem),
        "flags": sorted(flags_of([rollout for _, rollout in history], marks)),
        "g": groups,
    }
    return row | ({"choices": list(problem.choices)} if problem.choices else {})


def _group(group: Group, rollout: Rollout, judge: Judge) -> dict[str, Any]:
    order = sorted(range(len(rollout.responses)), key=lambda i: -(rollout.responses[i].score or 0.0))
    places = {i: place for place, i in enumerate((i for i in order if rollout.responses[i].correct), start=1)}
    row: dict[str, Any] = {"l": group.label, "r": []}
    for index, response in enumerate(rollout.responses):
        place = {"o": places[index]} if index in places and response.score is not None else {}
        kept = {"k": 1} if index in rollout.selected else {}
        row["r"].append(_response(rollout.problem, response, judge) | place | kept)
    if group.temperature is not None:
        row["t"] = group.temperature
    return row | ({"n": group.note} if group.note else {})


def _response(problem: Problem, response: Response, judge: Judge) -> dict[str, Any]:
    verdicts = judge(problem, response.steps)
    marks = sorted(marks_of(problem, response, verdicts))
    row: dict[str, Any] = {
        "s": segments(response, verdicts),
        "a": response.answer,
        "c": None if response.correct is None else int(response.correct),
    }
    if (score := _number(response.score)) is not None:
        row["v"] = score
    return row | ({"rule": response.rule} if response.rule else {}) | ({"m": marks} if marks else {})
