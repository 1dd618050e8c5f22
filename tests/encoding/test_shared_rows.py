"""Responses that share a row with their prompt are as likely as in rows of their own, and teach the same."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from lit_mstar import Problem
from lit_mstar.encoding import shared_rows
from lit_mstar.encoding.shared_rows import apart, collate_shared, preceding, work_saved
from lit_mstar.modules.likelihood import ResponseLikelihood
from support.helpers import make_tiny_backbone, png
from support.scripted import make_policy

PROBLEMS = [
    Problem(id="a", question="What is 3 + 4?", images=(png(),)),
    Problem(id="b", question="Which digit is the largest?"),
    Problem(id="c", question="What?", images=(png(30, 10),)),
]
RESPONSES = [[[20, 21, 22, 23], [24, 25]], [[26]], [[27, 28, 29], [30], [31, 32, 33, 34, 35]]]


def rows_of_their_own(encoder: Any) -> dict[str, Tensor]:
    pairs = [(p, r) for p, several in zip(PROBLEMS, RESPONSES, strict=True) for r in several]
    return encoder.collate([p for p, _ in pairs], [r for _, r in pairs])


@pytest.mark.parametrize("checkpointing", [False, True])
def test_losses_and_gradients_are_those_of_rows_of_their_own(checkpointing: bool):
    torch.manual_seed(0)
    backbone = make_tiny_backbone()
    backbone.gradient_checkpointing = checkpointing
    model = backbone.load_model().train()
    found = []
    for batch in (collate_shared(backbone.encoder, PROBLEMS, RESPONSES), rows_of_their_own(backbone.encoder)):
        losses = ResponseLikelihood().losses(model, batch)
        model.zero_grad()
        losses.sum().backward()
        found.append((losses.detach(), {name: p.grad.clone() for name, p in model.named_parameters()}))
    (shared, ours), (whole, theirs) = found
    torch.testing.assert_close(shared, whole, atol=1e-5, rtol=1e-5)
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


def test_a_row_is_a_prompt_and_its_responses():
    encoder = make_tiny_backbone().encoder
    batch, alone = collate_shared(encoder, PROBLEMS, RESPONSES), encoder.prompts(PROBLEMS)
    for row, several in enumerate(RESPONSES):
        prompt = alone["input_ids"][row][alone["attention_mask"][row].bool()].tolist()
        length = len(prompt) + sum(map(len, several))
        flat = [token for one in several for token in one]
        assert batch["input_ids"][row, :length].tolist() == prompt + flat
        numbers = [j for j, one in enumerate(several, 1) for _ in one]
        padding = [0] * (batch["input_ids"].shape[1] - length)
        assert batch["segments"][row].tolist() == [0] * len(prompt) + numbers + padding


def test_masks_and_places_by_hand():
    segments = torch.tensor([[0, 0, 1, 1, 2, 2, 0]])  # a prompt of two, two responses of two, padding
    assert preceding(segments)[0, 2:6].tolist() == [1, 2, 1, 4]
    seen = shared_rows._mask(segments, torch.float32)[0, 0] == 0
    assert [[k for k in range(7) if seen[q, k]] for q in range(6)] == [
        [0],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 1, 4],
        [0, 1, 4, 5],
    ]


@pytest.mark.parametrize("part", ["_mask", "_places"])
def test_a_model_that_mixes_responses_up_is_found_out(part: str, monkeypatch: pytest.MonkeyPatch):
    policy = make_policy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert policy.shares_prompts()
    own = getattr(shared_rows, part)

    def all_seen(segments: Tensor, dtype: torch.dtype) -> Tensor:
        return own(torch.zeros_like(segments), dtype)

    def one_after_the_other(segments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        places, _, prompt = own(segments)
        return places, prompt.expand_as(places), prompt

    monkeypatch.setattr(shared_rows, part, all_seen if part == "_mask" else one_after_the_other)
    policy = make_policy()
    with pytest.warns(UserWarning, match="policy's model cannot go on .*values differ by"):
        assert not policy.shares_prompts()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # found out once
        assert not policy.shares_prompts()


@pytest.mark.parametrize(
    ("config", "mask", "why"),
    [
        ({"layer_types": ["full_attention", "sliding_attention"]}, None, "sliding_attention"),
        ({"layer_types": ["linear_attention"]}, None, "linear_attention"),
        ({"sliding_window": 64}, None, "sliding_window"),
        ({}, {"full_attention": None}, "several masks"),
    ],
)
def test_layers_that_do_not_see_all_of_a_text_are_refused(config: dict[str, Any], mask: Any, why: str):
    policy: Any = make_policy()
    decoder = policy.model.get_decoder()
    decoder.config = type("Config", (), config)()
    batch = collate_shared(policy.encoder, PROBLEMS, RESPONSES)
    with apart(policy.model, batch["segments"]), pytest.raises(ValueError, match=f"not all see the whole text: {why}"):
        decoder(inputs_embeds=None, attention_mask=mask)
    assert not decoder._forward_pre_hooks


def test_work_is_saved_by_long_prompts_and_lost_by_long_responses():
    width, prompt, length = 64, 10, 30
    layer = 12 * width**2
    several = 2 * (layer * (prompt + length) + 2 * width * (prompt + length) ** 2)
    one = layer * (prompt + 2 * length) + 2 * width * (prompt + 2 * length) ** 2
    assert work_saved(prompt, [length] * 2, width) == several - one > 0
    assert work_saved(10, [100] * 2, 64) < 0 < work_saved(70, [100] * 2, 64)
    assert work_saved(70, [300], 64) == 0
