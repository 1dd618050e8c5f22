"""An engine that says what it was told to, at the pace it was told to, for benchmarks of what is around engines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from engine_model import drawn_lengths
from PIL import Image

from lit_mstar import Problem, Response, Rollout, TinyBackbone
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Sampler

N = 16


class ScriptedSampler(Sampler):
    """Waits, does not compute: many of them share few cores.

    Args:
        seconds: Per problem.
        kinds: So many problems' responses are made up beforehand, about 300 tokens and four characters each.
    """

    def __init__(self, seconds: float = 0.0, kinds: int = 256) -> None:
        self.seconds = seconds
        self.kinds = kinds
        self._said: list[list[Response]] = []

    def load_policy(self, policy: Any) -> None:
        """Makes up what will be said."""
        if self._said:
            return
        draw = np.random.default_rng(0)
        for lengths in drawn_lengths(self.kinds, N, draw)[0]:
            ids = [draw.integers(1000, 10_000, size=length) for length in lengths]
            self._said.append([Response(text="".join(map(str, some)), token_ids=some.tolist()) for some in ids])

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        """See `Sampler.sample`."""
        for place, problem in enumerate(problems):
            time.sleep(self.seconds)
            yield place, Rollout(problem=problem, responses=self._said[int(problem.id) % self.kinds])


def problems(count: int, images: bool = True) -> list[Problem]:
    """So many; every fourth has an image of its own, about 150 kB."""
    return [
        Problem(
            id=str(i), question=f"What is it, {i}?", answer="1", images=(_image(i),) if images and not i % 4 else ()
        )
        for i in range(count)
    ]


def policy() -> Any:
    """A random one, which nobody looks at."""
    torch.manual_seed(0)
    backbone = TinyBackbone(corpus=["What is it?"])
    return SimpleNamespace(model=backbone.load_model(), encoder=backbone.encoder, backbone=backbone)


def _image(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
