"""The vectorised counts against loops over the same responses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lit_mstar import Problem, Response, Rollout
from lit_mstar.report.run import Stage
from lit_mstar.report.tally import BINS, tallies
from support.reported import write_iteration


def drawn(seed: int) -> list[Rollout]:
    random = np.random.default_rng(seed)
    found = []
    for number in range(int(random.integers(1, 200))):
        responses = []
        for _ in range(int(random.integers(1, 6))):
            scores = [float(x) for x in random.random(random.integers(0, 4))]
            responses.append(
                Response(
                    text="ä" * int(random.integers(0, 9)),
                    token_ids=[1] * int(random.integers(0, 7)),
                    finish_reason="length" if random.random() < 0.2 else "stop",
                    correct=[True, False, None][random.integers(3)],
                    rule=["same text", ""][random.integers(2)],
                    steps=["s"] * len(scores),
                    step_scores=scores,
                    score=float(random.choice([0.0, 1.0, random.random()])) if random.random() < 0.8 else None,
                )
            )
        selected = [i for i in range(len(responses)) if random.random() < 0.3]
        problem = Problem(id=f"p{number}", question="?", answer="1")
        found.append(Rollout(problem=problem, responses=responses, selected=selected))
    return found


def place(score: float) -> int:
    return min(BINS - 1, int(score * BINS))


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_counts_are_those_of_a_loop(tmp_path: Path, seed: int, whole: bool):
    rollouts = drawn(seed)
    write_iteration(tmp_path, 3, rollouts, whole)
    (tally,) = tallies(Stage(tmp_path))
    pairs = [(r, response, i in r.selected) for r in rollouts for i, response in enumerate(r.responses)]
    assert tally.index == 3
    assert tally.sampled == len(pairs)
    assert tally.right == sum(one.correct is True for _, one, _ in pairs)
    assert tally.unknown == sum(one.correct is None for _, one, _ in pairs)
    assert tally.cut == sum(one.finish_reason == "length" for _, one, _ in pairs)
    assert tally.kept == sum(kept for *_, kept in pairs)
    assert tally.tokens == sum(len(one.token_ids) for _, one, _ in pairs)
    assert tally.learned == sum(len(one.token_ids) for _, one, kept in pairs if kept)
    for counts, verdict in ((tally.steps_right, True), (tally.steps_wrong, False)):
        expected = np.zeros(BINS)
        for score in (score for _, one, _ in pairs if one.correct is verdict for score in one.step_scores):
            expected[place(score)] += 1
        assert counts.tolist() == expected.tolist()
    known = [one for _, one, _ in pairs if one.correct is not None and one.score is not None]
    for k in range(BINS):
        there = [one for one in known if place(one.score or 0.0) == k]
        assert tally.scored[k] == len(there)
        assert tally.scored_right[k] == sum(one.correct is True for one in there)
        assert tally.score_sum[k] == pytest.approx(sum(one.score or 0.0 for one in there))
    assert tally.asked == {
        r.problem.id: (
            sum(len(one.text.encode()) for one in r.responses),
            len(r.responses),
        )
        for r in rollouts
    }


def test_an_iteration_that_is_completed_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rollouts = drawn(1)
    write_iteration(tmp_path, 0, rollouts, whole=False)
    gone = Stage.tables

    def once(stage: Stage, index: int):
        monkeypatch.setattr(Stage, "tables", gone)
        yield from list(gone(stage, index))[:1]
        raise FileNotFoundError

    monkeypatch.setattr(Stage, "tables", once)
    (tally,) = tallies(Stage(tmp_path))
    assert tally.sampled == sum(len(rollout.responses) for rollout in rollouts)


def test_of_waves_the_first_tells_shares_and_scores(tmp_path: Path):
    rollouts = drawn(2)
    cut = [replace(r, responses=r.responses[:2], selected=[i for i in r.selected if i < 2]) for r in rollouts]
    for folder, found in ((tmp_path / "waves", rollouts), (tmp_path / "first", cut)):
        write_iteration(folder, 0, found, True)
    file = tmp_path / "waves/rollouts/iteration=0000/_iteration.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"waves": {"first": 2}}))
    (waved,), (first,) = (tallies(Stage(tmp_path / name)) for name in ("waves", "first"))
    assert waved.sampled == sum(len(r.responses) for r in rollouts) > waved.first == first.sampled == first.first
    assert waved.first_right == first.right == first.first_right < waved.right
    for name in ("steps_right", "steps_wrong", "scored", "scored_right", "score_sum"):
        assert getattr(waved, name).tolist() == getattr(first, name).tolist()
