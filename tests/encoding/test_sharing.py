"""Where a model cannot go on from an encoded prompt, both samplers and PRMs find out by themselves."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from lit_mstar import Problem, ProcessRewardModule, Response, Rollout
from lit_mstar.encoding import prompt_cache
from lit_mstar.encoding.probes import PROBES, other_than
from lit_mstar.encoding.sharing import can_share
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from support.helpers import make_tiny_backbone, png
from support.scripted import make_policy

ENCODER = make_tiny_backbone().encoder
PROBLEMS = [Problem(id="a", question="What is 3 + 4?", images=(png(),)), Problem(id="b", question="What?")]
GREEDY = SamplingParams(n=3, temperature=0.0, max_tokens=6)


def forgetful(self: Any, indices: torch.Tensor) -> dict[str, Any]:
    """Takes the first prompt for all."""
    self.cache.reorder_cache(torch.zeros_like(indices))
    self.batch = {name: value[indices] for name, value in self.batch.items()}
    return {prompt_cache.CACHE: self.cache}


def failing(self: Any, indices: torch.Tensor) -> dict[str, Any]:
    raise AttributeError("no batch_repeat_interleave")


def test_probes_come_in_pairs_whose_prompts_are_equally_long():
    for probe in PROBES[:2]:
        other = other_than(probe)
        batch = ENCODER.prompts([probe, other])
        assert batch["attention_mask"].all()
        assert (batch["input_ids"][0] != batch["input_ids"][1]).any() or (probe.images != other.images)


@pytest.mark.parametrize(
    ("difference", "dtype", "shares"),
    [(1e-4, "float32", True), (0.01, "float32", False), (0.01, "bfloat16", True), (0.5, "bfloat16", False)],
)
def test_rounding_is_not_taken_for_a_fault(difference: float, dtype: str, shares: bool):
    values = torch.tensor([-1.0, 1.0, -1.0, 1.0]) / torch.tensor([-1.0, 1.0, -1.0, 1.0]).std()

    def compare(problems: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return values + difference, values

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert can_share(compare, ENCODER, getattr(torch, dtype), "sampler") is shares
    assert bool(said) is not shares


@pytest.mark.parametrize(("broken", "why"), [(forgetful, "values differ by"), (failing, "no batch_repeat_interleave")])
def test_sampling_falls_back_to_a_prompt_per_response(monkeypatch: pytest.MonkeyPatch, broken: Any, why: str):
    expected = TransformersSampler()
    policy = make_policy(expected)
    expected.load_policy(policy)
    wanted = dict(expected.sample(PROBLEMS, GREEDY))
    monkeypatch.setattr(prompt_cache.EncodedPrompts, "rows", broken)
    sampler = TransformersSampler()
    sampler.load_policy(policy)
    with pytest.warns(UserWarning, match=f"sampler's model cannot go on .*{why}"):
        found = dict(sampler.sample(PROBLEMS, GREEDY))
    assert found == wanted
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # found out once
        assert dict(sampler.sample(PROBLEMS, GREEDY)) == wanted


@pytest.mark.parametrize(("broken", "why"), [(forgetful, "values differ by"), (failing, "no batch_repeat_interleave")])
def test_scoring_falls_back_to_a_forward_pass_per_response(monkeypatch: pytest.MonkeyPatch, broken: Any, why: str):
    torch.manual_seed(3)
    prm = ProcessRewardModule(make_tiny_backbone())
    prm.configure_model()
    torch.nn.init.normal_(prm.head.weight)
    rollouts = [
        Rollout(problem=p, responses=[Response(text="", steps=["One.", "Two."][: 1 + i]) for i in range(2)])
        for p in [*PROBLEMS, other_than(PROBLEMS[0])]
    ]
    wanted = prm.score(rollouts)
    monkeypatch.setattr(prompt_cache.EncodedPrompts, "rows", broken)
    prm._shares = None
    with pytest.warns(UserWarning, match=f"PRM's model cannot go on .*{why}"):
        found = prm.score(rollouts)
    for ours, theirs in zip(found, wanted, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one == pytest.approx(other, abs=1e-5)
