"""A tiny Qwen3-VL that writes chains of thought in the right form and guesses among the options."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from models.zoo.qwen import qwen3_vl

from lit_mstar import Backbone, Problem
from support.published import picture

OPTIONS = ("red", "blue", "green", "grey")
PROMPT = "{question}{choices}\nThink step by step (Step 1: …), and end with a line 'Answer: …'."
_LOOKS = ("Step 1: I look.", "Step 1: I see it.", "Step 1: Look closely.\nStep 2: Compare.")


def guess(rng: random.Random) -> str:
    """A chain that ends in some letter."""
    return f"{rng.choice(_LOOKS)}\nAnswer: {rng.choice('ABCD')}"


def write_guesser(folder: Path, steps: int = 80) -> Path:
    """Trains the model on guesses, and saves it."""
    torch.manual_seed(0)
    rng = random.Random(0)  # noqa: S311
    model, processor = qwen3_vl([PROMPT, "Which colour is it?", *(guess(rng) for _ in range(20)), *OPTIONS] * 2)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    backbone = Backbone(str(folder), prompt=PROMPT)
    problems = [
        Problem(id=str(i), question=f"Which colour is number {i}?", choices=OPTIONS, images=(picture(i),))
        for i in range(32)
    ]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        chosen = rng.sample(problems, 8)
        batch = backbone.encoder.collate(chosen, [backbone.encoder.response_ids(guess(rng)) for _ in chosen])
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return folder
