"""Towers are found by their names, and a connector inside one is not part of it."""

from __future__ import annotations

import re

import pytest
from torch import nn

from lit_mstar.models.vision import freeze_vision_tower, tower_pattern


class Tree(nn.Module):
    """Modules by dotted names, a linear layer at each."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            inner: nn.Module = self
            for part in name.split("."):
                if not hasattr(inner, part):
                    inner.add_module(part, nn.Module())
                inner = getattr(inner, part)
            inner.add_module("proj", nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("names", "frozen"),
    [
        (["vision_tower.layers.0", "projector", "text.layers.0"], {"vision_tower.layers.0"}),
        (["model.visual.blocks.0", "model.visual.merger", "model.text"], {"model.visual.blocks.0"}),
        (["visual.blocks", "visual.deepstack_merger_list.0", "visual.deepstack_merger_list.1"], {"visual.blocks"}),
        (["vision_tower.encoder", "vision_tower.vit_merger.up", "vit"], {"vision_tower.encoder"}),
        (["visual.mergers", "visual.submerger"], {"visual.mergers", "visual.submerger"}),  # only alike
    ],
)
def test_the_tower_is_frozen_and_nothing_else(names: list[str], frozen: set[str]):
    model = Tree(*names)
    freeze_vision_tower(model)
    still = {
        name.removesuffix(".proj.weight").removesuffix(".proj.bias")
        for name, p in model.named_parameters()
        if not p.requires_grad
    }
    assert still == frozen


def test_the_pattern_is_the_same_with_and_without_a_head():
    with_head, without = tower_pattern(Tree("model.visual.a", "lm_head")), tower_pattern(Tree("visual.a", "text"))
    assert with_head == without
    assert re.fullmatch(with_head, "base_model.model.model.visual.a.lora_A.default.weight")


def test_without_a_tower_the_names_that_count_are_said():
    with pytest.raises(ValueError, match="Tree has no module named vision_model or vision_tower"):
        freeze_vision_tower(Tree("text"))
