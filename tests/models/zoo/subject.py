"""An architecture under test: its folder, and problems that it can be asked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from models.zoo.tiny import Tiny
from PIL import Image
from torch import Tensor, nn
from transformers import GenerationConfig

from lit_mstar import Backbone, Problem
from lit_mstar.encoding.prompt_cache import fit, forget
from support.helpers import png

WIDE, OTHER, TALL = png(48, 40, (0, 90, 200)), png(48, 40, (200, 90, 0)), png(40, 64, (200, 30, 10))
TEXT, TEXT_2 = Problem(id="t", question="What is 3 + 4?"), Problem(id="t2", question="What is 3 + 9?")
ONE, ONE_2 = (Problem(id=f"i{i}", question=f"What is 3 + {5 + i}?", images=(x,)) for i, x in enumerate((WIDE, OTHER)))
TWO = Problem(id="ii", question="Which?", images=(TALL, WIDE))
RESPONSES = ("Answer: 7", "Step 1: The digit is 3.\nAnswer: 11", "Step 1: é – 数\nStep 2: 3 + 4 = 7.\nAnswer: 7")
LORA = {"r": 2, "lora_alpha": 4, "target_modules": "all-linear"}


@dataclass(frozen=True)
class Subject:
    """A tiny model on disk.

    Args:
        tiny: What it is.
        folder: Where it is.
    """

    tiny: Tiny
    folder: Path

    def backbone(self, path: Path | None = None, **options: Any) -> Backbone:
        return Backbone(str(path or self.folder), **({"chat_template": self.tiny.template} | options))

    @cached_property
    def model(self) -> Any:
        return self.backbone().load_model().eval().requires_grad_(False)

    @cached_property
    def encoder(self) -> Any:
        return self.backbone().encoder

    @property
    def problems(self) -> list[Problem]:
        """Without an image, with one, with two; those that the architecture takes."""
        all_of_them = (TEXT, ONE, TEXT_2, TWO, ONE_2)
        return [p for p in all_of_them if (p.images or not self.tiny.needs_image) and len(p.images) <= self.tiny.images]

    @property
    def batches(self) -> list[list[Problem]]:
        """The problems in batches that the architecture takes."""
        if self.tiny.mixes:
            return [self.problems]
        parts = ([p for p in self.problems if len(p.images) == images] for images in range(self.tiny.images + 1))
        return [part for part in parts if part]

    def logits(self, model: nn.Module, problems: Sequence[Problem], responses: Sequence[str]) -> list[Tensor]:
        """Of each row's response tokens and the one before: (T, V)."""
        ids = [self.encoder.response_ids(text) for text in responses]
        batch = self.encoder.collate(problems, ids)
        labels = batch.pop("labels")
        forget(model)
        with torch.no_grad():
            logits = model(**fit(batch, model)).logits.float()
        starts = (labels != -100).int().argmax(1).tolist()
        return [row[start - 1 : start - 1 + len(tail)] for row, start, tail in zip(logits, starts, ids, strict=True)]

    def greedy(self, problem: Problem, new: int, prefix: str = "") -> list[int]:
        """Plain `generate`, one prompt at a time, by nobody's code but transformers' own."""
        batch = fit(self.encoder.prompts([problem]), self.model)
        tail = torch.tensor([self.encoder.text_ids(prefix)], dtype=torch.long)
        if tail.numel():
            from lit_mstar.encoding.appending import append_tokens

            batch = append_tokens(batch, list(tail), self.encoder.pad_id, self.encoder.architecture.fills)
        forget(self.model)
        own, self.model.generation_config = self.model.generation_config, GenerationConfig()
        try:
            with torch.no_grad():
                found = self.model.generate(
                    **batch,
                    generation_config=GenerationConfig(
                        do_sample=False,
                        max_new_tokens=new,
                        eos_token_id=self.encoder.end_ids,
                        pad_token_id=self.encoder.pad_id,
                        suppress_tokens=self.encoder.forbidden_ids,
                    ),
                )
        finally:
            self.model.generation_config = own
        return list(found[0, batch["input_ids"].shape[1] :].tolist())

    def chat(self, problem: Problem) -> Tensor:
        """The prompt's ids as transformers makes them."""
        images = [Image.open(io.BytesIO(image)).convert("RGB") for image in problem.images]  # type: ignore[arg-type]
        content = [{"type": "image", "image": image} for image in images] + [{"type": "text", "text": problem.question}]
        processor: Any = self.backbone().processor
        found = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        return found["input_ids"][0]  # type: ignore[no-any-return]


def shown(problem: Problem, question: str) -> Problem:
    """The same images with another question."""
    return replace(problem, id=question, question=question)
