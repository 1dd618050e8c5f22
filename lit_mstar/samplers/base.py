"""The seam to inference engines: weights in, problems in, responses out."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from torch import nn

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.models.backbone import Backbone
from lit_mstar.rollouts.nouns import Problem, Response, Rollout
from lit_mstar.rollouts.nouns import SamplingParams as SamplingParams  # part of the seam


class Policy(Protocol):
    """What a sampler needs of a policy; `PolicyModule` is one."""

    model: nn.Module

    @property
    def encoder(self) -> Encoder:
        """Turns problems into this model's tensors."""


class Sampler(ABC):
    """An engine that draws responses. Every engine keeps the same stop rules and gives the same greedy text."""

    drift: float | None = None
    """How far an engine was from the trainer's model when both were last compared, in nats; None where nobody did."""

    @property
    def independent(self) -> bool:
        """Whether each rank may call `sample` as often as it likes; not where ranks share an engine."""
        return True

    @property
    def central(self) -> bool:
        """Whether one rank had better ask for all: the engines are nobody's own."""
        return False

    def require_usable(self, backbone: Backbone) -> None:
        """Refuses, before any weights are loaded, a model that the engine cannot be given.

        Raises:
            ValueError: With what to do.
        """

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

    def recall(self, problems: Sequence[Problem], said: Callable[[Sequence[Problem]], Iterable[Rollout]]) -> None:
        """May ask what was sampled earlier, to guess from how responses go on; most engines have no use for it.

        Args:
            problems: What will be sampled.
            said: Reads earlier rollouts of some of them, the latest first.
        """

    def rest(self) -> None:
        """Lends memory to training until the next `load_policy`; the policy calls it when sampling gives way."""

    def close(self) -> None:
        """Gives the engine's resources back for good."""


def response_stream(seed: int, problem: Problem, prefix: str, index: int) -> np.random.Generator:
    """The random numbers of one response: a function of what is sampled, not of when or beside what."""
    key = "\x00".join((str(seed), problem.id, prefix, str(index))).encode()
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(key, digest_size=16).digest(), "little"))


def respond(encoder: Encoder, ids: Sequence[int], sampling: SamplingParams, head: Sequence[int] = ()) -> Response:
    """The response in sampled ids: up to the first end or stop string, whichever engine drew them.

    Whatever ended it, one of several end tokens or a stop string, what is learned from it ends in the one that ends a
    turn.

    Args:
        encoder: The policy's.
        ids: As drawn.
        sampling: With its stop strings.
        head: The ids of the prefix that the response goes on from.
    """
    ids = list(ids)
    stopped = next((i for i, token in enumerate(ids) if token in encoder.end_ids), None)
    ids, end = (ids, []) if stopped is None else (ids[:stopped], [encoder.end_id])
    text = encoder.decode(ids, head)
    if cut := first_stop(text, sampling.stop):
        text, end = text[:cut], [encoder.end_id]
        ids = list(_ids_of(encoder, ids, text, head))
    return Response(
        text=text, token_ids=[*ids, *end], finish_reason="stop" if end else "length", temperature=sampling.temperature
    )


def _ids_of(encoder: Encoder, ids: Sequence[int], text: str, head: Sequence[int]) -> Sequence[int]:
    """The fewest first ids that read `text`, or, where a token reaches over its end, those of the text itself."""
    near = bisect_left(range(len(ids)), len(text), key=lambda k: len(encoder.decode(ids[:k], head)))
    # A little further, too: bytes of a character that is not complete yet read as characters of their own.
    found = (ids[:k] for k in range(near, min(near + 5, len(ids) + 1)))
    return next((k for k in found if encoder.decode(k, head) == text), None) or encoder.text_ids(text)


def first_stop(text: str, stop: Sequence[str]) -> int:
    """Where the stop string that is complete first ends in `text`; 0 where there is none."""
    return min((text.index(string) + len(string) for string in stop if string in text), default=0)
