"""Tiny policies that have been taught for a moment to answer, and questions of many lengths: what benchmarks share."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch

from lit_mstar import Problem, TinyBackbone
from lit_mstar.data import DigitsSource
from lit_mstar.modules.likelihood import response_nll

SIZES = ("4 image tokens, 0.3 million weights", "64 image tokens, 4 million weights")
_WIDE = {"image_size": 128, "hidden_size": 256, "num_layers": 4, "intermediate_size": 768, "vision_size": 128}
_ASIDE = ("Look closely.", "The image shows handwritten digits.", "Take your time.", "They are written by hand.")


def mixed_problems(count: int, seed: int = 0, split: Any = "train") -> list[Problem]:
    """Problems on digits whose questions have many lengths, as real ones do."""
    draw = random.Random(seed)
    return [
        replace(p, question=" ".join([*draw.choices(_ASIDE, k=draw.randrange(5)), p.question]))
        for p in DigitsSource(train=count).problems(split)[:count]
    ]


def taught(size: str, steps: int = 100, batch: int = 32) -> Any:
    """A policy of one of `SIZES`, with `model`, `encoder` and `backbone`, trained on worked examples."""
    torch.manual_seed(0)
    lessons = [p for p in DigitsSource(seed=2000, seed_scans=1000).problems("seed") if p.reasoning]
    corpus = [text for p in lessons for text in (p.question, p.reasoning or "")] + list(_ASIDE)
    backbone = TinyBackbone(corpus=corpus, **(_WIDE if size == SIZES[1] else {}))
    model, encoder, draw = backbone.load_model(), backbone.encoder, random.Random(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(steps):
        chosen = draw.sample(lessons, batch)
        total, count = response_nll(model, encoder.collate(chosen, [encoder.response_ids(p.reasoning) for p in chosen]))
        optimizer.zero_grad()
        (total / count).backward()
        optimizer.step()
    return SimpleNamespace(model=model.eval(), encoder=encoder, backbone=backbone)
