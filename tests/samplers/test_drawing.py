from __future__ import annotations

import math

import pytest
import torch

from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import drawing
from lit_mstar.samplers.drawing import TokenDraw

LOGITS = torch.tensor([0.0, math.log(2), math.log(4), math.log(1)])  # 1/8, 2/8, 4/8, 1/8


def drawn(u: float, forbidden: tuple[int, ...] = (), **sampling: float) -> int:
    draw = TokenDraw(SamplingParams(**sampling), forbidden)
    return int(draw(LOGITS.view(1, 1, 4), torch.tensor([[u]], dtype=torch.float64))[0])


@pytest.mark.parametrize(("u", "token"), [(0.0, 0), (0.12, 0), (0.13, 1), (0.37, 1), (0.38, 2), (0.87, 2), (0.88, 3)])
def test_it_inverts_the_distribution_function(u: float, token: int):
    assert drawn(u) == token


def test_a_temperature_sharpens_as_a_power():
    # squares: 1, 4, 16, 1 of 22
    assert [drawn(u / 22, temperature=0.5) for u in (0.9, 1.1, 4.9, 5.1, 20.9, 21.1)] == [0, 1, 1, 2, 2, 3]


def test_a_nucleus_keeps_the_likeliest():
    # 4/8 and 2/8 are enough for 0.7
    assert {drawn(u / 100, top_p=0.7) for u in range(100)} == {1, 2}


def test_what_is_forbidden_is_never_drawn():
    assert [drawn(u, forbidden=(2,)) for u in (0.2, 0.3, 0.7, 0.8)] == [0, 1, 1, 3]
    assert drawn(0.9, forbidden=(2,), temperature=0.0) == 1


def test_many_are_drawn_in_parts_as_together(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    logits, u = torch.randn(5, 3, 11), torch.rand(5, 3, dtype=torch.float64)
    draw = TokenDraw(SamplingParams(temperature=1.3))
    whole, _ = draw(logits, u)
    monkeypatch.setattr(drawing, "_AT_ONCE", 22)
    assert torch.equal(draw(logits, u)[0], whole)
    for i in range(5):
        for j in range(3):
            assert int(draw(logits[i : i + 1, j : j + 1], u[i : i + 1, j : j + 1])[0]) == whole[i, j]


@pytest.mark.parametrize(
    ("u", "sure"), [(0.124995, False), (0.12498, True), (0.125005, False), (0.12502, True), (0, True)]
)
def test_a_token_is_not_sure_where_rounding_decides(u: float, sure: bool):
    draw = TokenDraw(SamplingParams())
    assert bool(draw(LOGITS.view(1, 1, 4), torch.tensor([[u]], dtype=torch.float64))[1]) is sure


@pytest.mark.parametrize(("gap", "sure"), [(2e-4, True), (5e-5, False)])
def test_a_greedy_token_is_not_sure_beside_one_as_good(gap: float, sure: bool):
    logits = torch.tensor([[[0.0, 1.0, 1.0 + gap]]])
    token, found = TokenDraw(SamplingParams(temperature=0))(logits, torch.zeros(1, 1, dtype=torch.float64))
    assert (int(token), bool(found)) == (2, sure)


@pytest.mark.parametrize(("top_p", "sure"), [(0.7499, True), (0.749995, False), (0.750005, False), (0.7501, True)])
def test_nothing_is_sure_where_rounding_decides_what_is_in_the_nucleus(top_p: float, sure: bool):
    # 4/8 and 2/8 are 0.75: enough, or not quite
    draw = TokenDraw(SamplingParams(top_p=top_p))
    assert bool(draw(LOGITS.view(1, 1, 4), torch.tensor([[0.6]], dtype=torch.float64))[1]) is sure
