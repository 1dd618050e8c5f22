"""The seam to inference engines: weights in, problems in, responses out."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from torch import nn

from lit_mstar.encoding import Encoder
from lit_mstar.rollouts import Problem, Rollout, SamplingParams


class Policy(Protocol):
    """What a sampler needs of a policy; `PolicyModule` is one."""

    model: nn.Module

    @property
    def encoder(self) -> Encoder:
        """Turns problems into this model's tensors."""


class Sampler(ABC):
    """An engine that draws responses. Every engine keeps the same stop rules and gives the same greedy text."""

    @abstractmethod
    def load_policy(self, policy: Policy) -> None:
        """Brings the policy's current weights into the engine; called before each round of sampling."""

    @abstractmethod
    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        """Samples `sampling.n` responses per problem and yields each problem's as soon as they are complete.

        Args:
            problems: What to sample; the same problem may come several times, with different prefixes.
            sampling: Number, temperature, limits and seed.
            prefixes: The beginning of the response, one per problem; responses then hold only what follows.

        Yields:
            (position in `problems`, its rollout), in any order.
        """

    def close(self) -> None:
        """Gives the engine's resources back."""


def response_stream(seed: int, problem: Problem, prefix: str, index: int) -> np.random.Generator:
    """The random numbers of one response: a function of what is sampled, not of when or beside what."""
    key = "\x00".join((str(seed), problem.id, prefix, str(index))).encode()
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(key, digest_size=16).digest(), "little"))
