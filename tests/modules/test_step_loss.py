from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Binomial
from torch.nn.functional import binary_cross_entropy_with_logits

from lit_mstar.modules.step_loss import step_losses

LOGITS = torch.tensor([0.3, -1.2, 2.0, 0.0]).double()
LABELS = torch.tensor([0.25, 0.0, 1.0, 0.5]).double()
DRAWS = torch.tensor([4.0, 8.0, 1.0, 2.0]).double()


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_shares_and_hard_labels_are_plain_cross_entropy(kind: str):
    losses, weights = step_losses(LOGITS, LABELS, DRAWS, kind)
    targets = LABELS if kind == "soft" else (LABELS > 0).double()
    assert torch.allclose(losses, binary_cross_entropy_with_logits(LOGITS, targets, reduction="none"))
    assert weights.tolist() == [1, 1, 1, 1]


def test_draws_have_the_binomial_likelihood():
    losses, weights = step_losses(LOGITS, LABELS, DRAWS, "binomial")
    for k in range(4):
        draws = Binomial(int(DRAWS[k]), logits=LOGITS[k])
        ways = Binomial(int(DRAWS[k]), torch.tensor(0.5).double())
        successes = LABELS[k] * DRAWS[k]
        combinations = ways.log_prob(successes) - DRAWS[k] * torch.tensor(0.5).double().log()
        assert float(losses[k]) == pytest.approx(float(combinations - draws.log_prob(successes)))
    assert weights.tolist() == DRAWS.tolist()


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)), min_size=1, max_size=8), st.floats(-3, 3))
def test_draws_one_by_one_say_the_same(counts: list[tuple[int, int]], logit: float):
    """s successes of n are n steps of one draw each, wherever drawing stopped."""
    pairs = [(min(s, n), n) for s, n in counts]
    labels = torch.tensor([s / n for s, n in pairs]).double()
    together, weights = step_losses(
        torch.full((len(pairs),), logit).double(), labels, torch.tensor([n for _, n in pairs]).double(), "binomial"
    )
    single = torch.tensor([float(k < s) for s, n in pairs for k in range(n)]).double()
    apart, _ = step_losses(torch.full((len(single),), logit).double(), single, torch.ones(len(single)), "soft")
    assert float(together.sum()) == pytest.approx(float(apart.sum()), rel=1e-6, abs=1e-6)
    assert float(weights.sum()) == len(single)


@pytest.mark.parametrize("kind", ["soft", "hard", "binomial"])
def test_balanced_classes_have_half_of_the_weight_each(kind: str):
    weights = DRAWS if kind == "binomial" else torch.ones(4)
    targets = (LABELS > 0).double() if kind == "hard" else LABELS
    share = float((weights * targets).sum() / weights.sum())
    _, found = step_losses(torch.zeros(4).double(), LABELS, DRAWS, kind, positive=share)
    right = float((weights * targets).sum()) * 0.5 / share
    assert right == pytest.approx(float(weights.sum()) / 2)
    assert float(found.sum()) == pytest.approx(float(weights.sum()))


def test_the_constant_of_least_loss_is_one_half_where_classes_are_balanced():
    logits = torch.zeros(4, dtype=torch.double, requires_grad=True)
    share = float((LABELS * DRAWS).sum() / DRAWS.sum())
    losses, _ = step_losses(logits, LABELS, DRAWS, "binomial", positive=share)
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert float(gradient.sum()) == pytest.approx(0, abs=1e-9)
