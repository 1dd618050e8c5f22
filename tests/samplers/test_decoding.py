"""What is drawn does not depend on who sits beside it, who left, or what was guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency

from lit_mstar.encoding.rows import Rows
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler, decoding
from lit_mstar.samplers.decoding import Decoding
from support.taught import LESSONS, MIXED, tokens

MANY = [replace(p, id=f"{p.id}{i}", question=p.question + " Look." * (i % 3)) for i in range(4) for p in MIXED]


def test_rows_that_enter_late_draw_what_they_draw_alone(policy: Any):
    together = tokens(policy, MANY, engine=TransformersSampler(batch_size=9), n=3, max_tokens=20)
    engine = TransformersSampler()
    assert together == [tokens(policy, [problem], engine=engine, n=3, max_tokens=20)[0] for problem in MANY]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is known is guessed."""
    monkeypatch.setattr(decoding, "_COST", {"cpu": 0.0})


@pytest.mark.parametrize(("temperature", "top_p"), [(0.0, 1.0), (0.8, 1.0), (0.8, 0.9)])
def test_guesses_change_no_response(policy: Any, free: None, temperature: float, top_p: float):
    options = {"n": 3, "max_tokens": 20, "temperature": temperature, "top_p": top_p}
    expected = tokens(policy, MANY, engine=TransformersSampler(draft=0), **options)
    engine = TransformersSampler(draft=5)
    assert tokens(policy, MANY, engine=engine, **options) == expected
    assert tokens(policy, MANY, engine=engine, **options) == expected
    assert max(engine._drafts._hits) > 0.5  # most of it was right, as the same numbers were drawn


def test_a_lesson_known_by_heart_takes_a_seventh_of_the_steps(taught: Any, free: None):
    lesson, engine = list(LESSONS)[:1], TransformersSampler(draft=7)
    steps: list[int] = []
    watched = taught.model.register_forward_pre_hook(lambda module, inputs: steps.append(1))
    found = []
    for _ in range(2):
        steps.clear()
        found.append(tokens(taught, lesson, engine=engine, n=1, temperature=0.0, max_tokens=80))
    watched.remove()
    assert found[0] == found[1]
    assert len(steps) <= 1 + -(-len(found[0][0][0]) // 7)  # the prompt, and seven or eight tokens a step


def test_rounding_changes_no_response(policy: Any, monkeypatch: pytest.MonkeyPatch):
    """About one draw in a thousand lies so near to a border of this policy that rounding would decide."""
    options = {"n": 16, "max_tokens": 25}
    expected = tokens(policy, MANY, **options)
    forward, alone = Rows.forward, Decoding._alone
    asked: list[int] = []
    monkeypatch.setattr(Rows, "forward", lambda rows, ids: (x := forward(rows, ids)) + 3e-6 * torch.randn_like(x))
    monkeypatch.setattr(Decoding, "_alone", lambda self, line: asked.append(1) or alone(self, line))
    assert tokens(policy, MANY, **options) == expected
    assert 0 < len(asked) < 0.02 * sum(map(len, (ids for row in expected for ids in row)))


def test_guesses_leave_the_distribution_alone(policy: Any, free: None):
    """Third tokens of responses to one problem, with wrong guesses and right ones, against none: chi-square at 0.1%."""
    counts = []
    for draft, seed in ((0, 1), (4, 2)):
        engine = TransformersSampler(batch_size=2000, draft=draft)
        engine.load_policy(policy)
        for _ in range(2 if draft else 1):  # the second time, what was drawn first is known
            row = tokens(policy, MIXED[1:2], engine=engine, n=2000, max_tokens=3, temperature=0.7, seed=seed)[0]
            seed += 10
        counts.append(np.bincount([ids[2] for ids in row if len(ids) > 2], minlength=400))
    table = np.array(counts)
    frequent = table.sum(0) >= 10
    table = np.column_stack([table[:, frequent], table[:, ~frequent].sum(1)])
    assert frequent.sum() > 10
    assert chi2_contingency(table[:, table.sum(0) > 0]).pvalue > 1e-3


def test_models_that_join_no_rows_decode_equal_prompts_together(policy: Any, monkeypatch: pytest.MonkeyPatch):
    expected = tokens(policy, MANY, n=2, max_tokens=12)
    monkeypatch.setattr("lit_mstar.encoding.rows.GrowingLayer", None)
    monkeypatch.setattr("lit_mstar.encoding.rows.DynamicLayer", int)  # no layer is of this kind
    engine = TransformersSampler()
    assert tokens(policy, MANY, engine=engine, n=2, max_tokens=12) == expected
    assert engine._ways() == (True, False)


def test_a_problem_that_comes_twice_is_answered_twice(policy: Any):
    engine = TransformersSampler(batch_size=4)
    engine.load_policy(policy)
    twice = [*MIXED[:2], *MIXED[:2]]
    found = dict(engine.sample(twice, SamplingParams(n=2, max_tokens=9)))
    assert [found[i].responses for i in (0, 1)] == [found[i].responses for i in (2, 3)]


def test_only_what_an_engine_did_not_sample_itself_is_asked_for(policy: Any):
    first = TransformersSampler()
    first.load_policy(policy)
    rollouts = {x.problem.id: x for _, x in first.sample(MIXED, SamplingParams(n=2, max_tokens=9))}
    asked: list[list[str]] = []

    def said(problems: Any) -> Any:
        asked.append([problem.id for problem in problems])
        return [rollouts[problem.id] for problem in problems]

    second = TransformersSampler()
    second.load_policy(policy)
    list(second.sample(MIXED[:2], SamplingParams(n=2, max_tokens=9)))
    for engine in (first, second, second, TransformersSampler(draft=0)):
        engine.recall(MIXED, said)
    assert asked == [[problem.id for problem in MIXED[2:]]]
    assert second._drafts is not None
    for rollout in rollouts.values():
        ids = rollout.responses[0].token_ids
        assert second._drafts.guess((rollout.problem.id, ""), ids[:5], 1) == ids[5:6]
