"""What a few layers keep tells what all of them keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from lit_mstar import Problem
from lit_mstar.modules.likelihood import LEAST
from lit_mstar.planning.activations import Activations, activations, saved
from lit_mstar.planning.replica import described, period, shorten
from support.helpers import make_tiny_backbone, png

PROBLEM = Problem(id="p", question="What is the sum?", images=(png(16, 8),))


@pytest.mark.parametrize("layers", [1, 5])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_counted_with_few_layers_it_is_what_all_keep(layers: int, checkpointing: bool, precision: str):
    backbone = make_tiny_backbone(num_layers=layers, hidden_size=64)
    backbone.gradient_checkpointing = checkpointing
    found = activations(backbone, PROBLEM, precision, True)
    model = described(backbone, True)
    for count in saved(model, backbone, PROBLEM, precision, True):
        said = found.fixed + found.token * count.tokens + found.image_token * count.image_tokens
        assert said == pytest.approx(count.text + count.vision, rel=0.04)


def test_a_model_without_memory_has_the_names_and_shapes_of_the_whole():
    backbone = make_tiny_backbone(num_layers=3)
    ours = {name: p.shape for name, p in described(backbone, True).named_parameters()}
    assert ours == {name: p.shape for name, p in backbone.load_model().named_parameters()}
    assert all(p.is_meta for p in described(backbone, True).parameters())


def test_the_peak_is_what_is_kept_and_the_loss_or_a_layer_that_is_recomputed():
    kept = Activations(fixed=100, token=3, layer_token=50, image_token=7, logit=8, logits=6, width=5)
    base = 100 + 2 * (9 * 3 + 4 * 7)
    assert kept.peak(rows=2, tokens=9, image_tokens=4, learned=5, checkpointed=False) == base + 2 * 5 * 6 * 8
    assert kept.peak(rows=2, tokens=9, image_tokens=4, learned=5, checkpointed=True) == base + 2 * 9 * 50
    long = replace(kept, logits=10**6)
    base = 100 + 2 * 9 * 3
    assert long.peak(rows=2, tokens=9, image_tokens=0, learned=9, checkpointed=False) == base + LEAST * 8  # a chunk


class Text:
    def __init__(self, kinds: list[str] | None, **more: Any) -> None:
        self.layer_types, self.num_hidden_layers = kinds, len(kinds or []) or 6
        self.__dict__.update(more)


def test_a_replica_has_every_kind_of_layer():
    assert period(Text(None)) == 1
    assert period(Text(["a", "a"])) == 1
    kinds = ["linear", "linear", "linear", "full"] * 3
    assert period(Text(kinds)) == 4
    text = Text(list(kinds), num_kv_shared_layers=4)
    shorten(text, 8)
    assert (text.num_hidden_layers, text.layer_types, text.num_kv_shared_layers) == (8, kinds[:8], 0)


def test_nothing_is_drawn_and_nothing_changes():
    backbone = make_tiny_backbone()
    before = (torch.get_rng_state(), backbone.config.to_dict())
    activations(backbone, PROBLEM, "32-true", True)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert backbone.config.to_dict() == before[1]
