"""What engines with a copy of the weights have in common: updates that are needed, a check, refusals that count.

An engine fills in two methods, `_update` and `_complete`. What it leaves out, everybody does for himself: how weights
travel, and how requests are kept in flight.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import torch
from torch import nn

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.probes import PROBES
from lit_mstar.models.backbone import Backbone
from lit_mstar.models.weights import digest
from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers.base import Policy, Sampler, respond
from lit_mstar.samplers.parity import require_parity
from lit_mstar.samplers.request import Completion, Request, make_request


class EngineSampler(Sampler):
    """A sampler whose engine holds its own copy of the policy.

    Args:
        check: Compare the engine with the trainer's model on a few fixed problems, one of them without and two with an
            image: after every update ("always"), after the "first", or "never". Stale weights and stale embeddings of
            images show in the iteration in which they happen; the difference is logged as `sampler/drift`.
        tolerance: Largest difference of log-probabilities in that check, in nats; 1e-3 where both sides compute in
            float32 and 0.3 elsewhere by default (ours).
    """

    def __init__(self, check: Literal["first", "always", "never"] = "always", tolerance: float | None = None) -> None:
        if tolerance is not None and tolerance <= 0:
            raise ValueError(f"{type(self).__name__}.tolerance is {tolerance}; it must be more than 0 (nats).")
        self.check = check
        self.tolerance = tolerance
        self._encoder: Encoder | None = None
        self._model: nn.Module | None = None
        self._version = ""
        self._checked = False

    def load_policy(self, policy: Policy) -> None:
        """Updates the engine's weights where they are not the policy's already.

        Raises:
            RuntimeError: If the engine then computes something else than the policy.
        """
        version = digest(policy.model)
        if policy.model is self._model and version == self._version and self._current(version):
            return
        self._version = ""  # until all has gone well
        self._update(policy, version)
        self._encoder, self._model, self._version = policy.encoder, policy.model, version
        if self.check == "always" or (self.check == "first" and not self._checked):
            try:
                self.verify(policy)
            except BaseException:
                self._version = ""
                raise
            self._checked = True

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        """See `Sampler.sample`. Problems that the engine refuses get empty, cut responses, and are reported."""
        if self._encoder is None or not self._version:
            raise RuntimeError("sample() was called before load_policy(): the engine has no weights yet.")
        if sampling.temperature > 2:
            raise ValueError(f"SamplingParams.temperature is {sampling.temperature}; vLLM takes at most 2.")
        encoder, refused = self._encoder, []
        prompts = list(zip(problems, prefixes or [""] * len(problems), strict=True))
        requests = (make_request(encoder, problem, prefix, sampling) for problem, prefix in prompts)
        for position, completion in self._complete(requests):
            if completion.refused:
                refused.append((problems[position].id, completion.refused))
            ids = completion.token_ids or [[]]
            if len(ids) < sampling.n:  # greedy, or refused: the same for all
                ids = ids * sampling.n
            problem, prefix = prompts[position]
            head = encoder.text_ids(prefix)
            yield position, Rollout(problem=problem, responses=[respond(encoder, row, sampling, head) for row in ids])
        if refused:
            name, reason = refused[0]
            warnings.warn(
                f"The engine refused {len(refused)} of {len(problems)} problems; they count as not answered. "
                f"The first, {name}: {reason}",
                stacklevel=2,
            )

    def verify(self, policy: Policy) -> None:
        """Compares the engine, as it is now, with the policy's model; every rank must call it together.

        Raises:
            RuntimeError: If they compute something else.
        """
        exact = {_dtype(policy.model), self._engine_dtype(policy)} == {"float32"}
        drifts = []
        for name, complete in self._engines():
            sampling = SamplingParams(n=1, temperature=0.0, max_tokens=8)
            requests = [make_request(policy.encoder, probe, "", sampling, logprobs=True) for probe in PROBES]
            found = dict(complete(requests))
            answers = [found[i] for i in range(len(PROBES))]
            drifts.append(require_parity(policy, answers, self.tolerance or (1e-3 if exact else 0.3), name))
        self.drift = max(drifts, default=None)

    @abstractmethod
    def _update(self, policy: Policy, version: str) -> None:
        """Brings the policy's weights into the engine; starts it where it does not run."""

    @abstractmethod
    def _complete(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        """Yields (position, completion) in any order, taking requests no faster than the engine needs them."""

    def _current(self, version: str) -> bool:
        """Whether the engine still has the weights that it was last given."""
        return True

    def _engine_dtype(self, policy: Policy) -> str:
        """The dtype that the engine computes in."""
        return _dtype(policy.model)

    def _engines(self) -> Iterator[tuple[str, Callable[[Iterable[Request]], Iterator[tuple[int, Completion]]]]]:
        """Every copy of the weights that must be checked: (name for messages, how to ask that one)."""
        yield "The engine", self._complete


def require_mergeable(backbone: Backbone, sync: str, name: str) -> None:
    """Refuses to merge an adapter into weights of a few bits.

    Raises:
        ValueError: With what to do.
    """
    if sync == "merged" and backbone.quantized:
        raise ValueError(
            f"{name}.sync is merged, but {backbone.path} is quantized: set sync: adapter, so that the engine gets the "
            "adapter alone, and give it the quantized base."
        )


def _dtype(model: nn.Module) -> str:
    return str(getattr(model, "dtype", torch.float32)).removeprefix("torch.")
