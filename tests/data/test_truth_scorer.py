from __future__ import annotations

import pytest

from lit_mstar import Response, Rollout
from lit_mstar.data import DigitsSource, TruthScorer
from lit_mstar.scorers import require_scores
from support.scripted import ListSource, sums


def test_it_knows():
    source = DigitsSource(seed=5)
    problems = source.problems("seed")
    chains = [str(problem.reasoning).splitlines()[:-1] for problem in problems]
    rollouts = [
        Rollout(problem=p, responses=[Response(text="", steps=c), Response(text="", steps=["Step 1: no.", c[0]])])
        for p, c in zip(problems, chains, strict=True)
    ]
    assert require_scores(TruthScorer(source), rollouts) == [[[1.0] * 3, [0.0, 1.0]]] * 5


def test_where_nobody_can_tell_it_says_so():
    rollout = Rollout(problem=sums(1)[0], responses=[Response(text="", steps=["a"])])
    with pytest.raises(ValueError, match="ListSource cannot tell"):
        TruthScorer(ListSource()).score([rollout])
