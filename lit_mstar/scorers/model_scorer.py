"""What scorers with others' models share: loading one, showing it chains, reading all steps of N responses at once."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub import snapshot_download
from torch import Tensor

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.probes import PROBES
from lit_mstar.encoding.prompt_cache import inference
from lit_mstar.encoding.sharing import can_share
from lit_mstar.models.backbone import Backbone
from lit_mstar.models.origin import clear_errors
from lit_mstar.rewards.aggregation import Aggregation
from lit_mstar.rollouts.nouns import Problem, Rollout
from lit_mstar.scorers.base import Scores, StepScorer
from lit_mstar.scorers.format import StepFormat
from lit_mstar.scorers.prefix import read_rows
from lit_mstar.scorers.presets import Preset
from lit_mstar.scorers.shown import Shown, shown

_STEPS = ["Step 1: The first is 3.", "Step 2: 3 + 4 = 7."]


class ModelScorer(StepScorer):
    """Reads a model's verdicts on steps.

    Args:
        path: A Hugging Face folder, of a model or of an adapter on one, or a name on the hub.
        known: What is known of the model.
        aggregation: How steps' scores become a response's; None takes the model's own.
        threshold: The least score of a step that counts as right; None takes the model's own.
        revision: On the hub, a commit, so that nothing changes under a run.
        dtype: As for `Backbone`.
        attn_implementation: As for `Backbone`.
        trust_remote_code: As for `Backbone`; `CommandScorer` runs such code in a process of its own.
        chat_template: As for `Backbone`.
        batch_size: Most chains in one forward pass; the default is ours.

    Raises:
        ValueError: If `batch_size` is less than 1.
    """

    head = True  # with the language-model head

    def __init__(
        self,
        path: str,
        known: Preset,
        aggregation: Aggregation | None = None,
        threshold: float | None = None,
        revision: str | None = None,
        dtype: Literal["float32", "bfloat16", "float16", "auto"] = "auto",
        attn_implementation: str | None = None,
        trust_remote_code: bool = False,
        chat_template: str | None = None,
        batch_size: int = 16,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"{type(self).__name__}.batch_size is {batch_size}; it must be at least 1.")
        self.path = path
        self.known = known
        self.format: StepFormat = known.format
        self.aggregation = aggregation or known.aggregation
        self.threshold = known.threshold if threshold is None else threshold
        self.revision = revision
        self.batch_size = batch_size
        self._loading: dict[str, Any] = {
            "dtype": dtype,
            "attn_implementation": attn_implementation,
            "trust_remote_code": trust_remote_code,
            "chat_template": chat_template,
        }
        self._model: Any = None
        self._ways: tuple[bool, bool] | None = None  # one pass for all steps, prompts shared; None until found out

    @cached_property
    def backbone(self) -> Backbone:
        """The model, described."""
        path = self.path
        if self.revision and not Path(path).exists():
            with clear_errors(path):
                path = snapshot_download(path, revision=self.revision)
        return Backbone(path, **self._loading)

    @property
    def encoder(self) -> Encoder:
        """Turns problems into the model's tensors."""
        return self.backbone.encoder

    def check(self) -> None:
        """See `StepScorer.check`; reads no weights."""
        self.backbone.check()
        self._shown(PROBES[0], _STEPS, len(_STEPS), self._fixed(len(_STEPS)))

    def place(self, device: torch.device) -> None:
        """See `StepScorer.place`."""
        if self._model is None:
            self.check()
            self._model = self._load().eval().requires_grad_(False)
        self._model.to(device)

    def rest(self) -> None:
        """See `StepScorer.rest`."""
        if self._model is not None:
            self._model.to("cpu")

    def score(self, rollouts: Sequence[Rollout]) -> Scores:
        """See `StepScorer.score`; equal chains about a problem are scored once, prompt and image encoded once."""
        if self._model is None:
            self.place(torch.device("cpu"))
        with inference(self._model):
            return [self._of_rollout(rollout) for rollout in rollouts]

    def _of_rollout(self, rollout: Rollout) -> list[list[float]]:
        chains = list(dict.fromkeys(tuple(response.steps) for response in rollout.responses if response.steps))
        found: dict[tuple[str, ...], list[float]] = {(): []}
        for start in range(0, len(chains), self.batch_size):
            block = [list(chain) for chain in chains[start : start + self.batch_size]]
            logits = self._logits(rollout.problem, block, *self._found_ways())
            for chain, of_chain in zip(block, logits, strict=True):
                found[tuple(chain)] = self._probabilities(of_chain.float()).tolist()
        return [list(found[tuple(response.steps)]) for response in rollout.responses]

    def _logits(self, problem: Problem, chains: list[list[str]], one_pass: bool, share: bool) -> list[Tensor]:
        """What is read of each chain, (S, classes)."""
        if one_pass and not self._tells_own:
            rows = [self._shown(problem, chain, len(chain), self._fixed(len(chain))) for chain in chains]
            return self._read_rows(problem, rows, share)
        verdicts: list[list[Tensor]] = [[] for _ in chains]
        for count in range(1, max(map(len, chains)) + 1):
            alive = [i for i, chain in enumerate(chains) if len(chain) >= count]
            rows = [self._shown(problem, chains[i], count, self._told(verdicts[i])) for i in alive]
            last = [replace(row, reads=row.reads[-1:]) for row in rows]
            for i, logits in zip(alive, self._read_rows(problem, last, share), strict=True):
                verdicts[i].append(logits[0])
        return [torch.stack(of_chain) for of_chain in verdicts]

    def _read_rows(self, problem: Problem, rows: list[Shown], share: bool) -> list[Tensor]:
        seen = self._seen(problem)
        parts = self.encoder.parts(replace(seen, prompt=None), self.format.prompt)
        images = [seen.images[part - 1] for part in parts if isinstance(part, int)]
        return read_rows(self._model, self.encoder, rows, images, self._read, share)

    def _shown(self, problem: Problem, chain: list[str], count: int, said: list[str]) -> Shown:
        return shown(self.encoder, self.format, self._seen(problem), chain[:count], said)

    def _seen(self, problem: Problem) -> Problem:
        """The problem as the model sees it."""
        return problem if self.known.sees_images else replace(problem, images=())

    @property
    def _tells_own(self) -> bool:
        return self.format.layout == "turns" and self.format.history == "own"

    def _fixed(self, steps: int) -> list[str]:
        return [self.known.good if self._tells_own else self.format.history] * steps

    def _told(self, before: list[Tensor]) -> list[str]:
        """What the model is told that it said of the steps before."""
        if not self._tells_own:
            return self._fixed(len(before) + 1)
        right = (float(self._probabilities(logits.float()[None])[0]) >= self.threshold for logits in before)
        return [*(self.known.good if good else self.known.bad for good in right), self.known.good]

    def _found_ways(self) -> tuple[bool, bool]:
        """Whether all steps can be read in one pass, and prompts be shared; compared once on a few problems."""
        if self._ways is None:
            share = can_share(self._compare, self.encoder, self._model.dtype, type(self).__name__)
            self._ways = self.format.one_pass and self._sees_no_later_step(), share
        return self._ways

    def _compare(self, problems: Sequence[Problem]) -> tuple[Tensor, Tensor]:
        chains = [_STEPS, _STEPS[:1]]
        ways = ([x for p in problems for x in self._logits(p, chains, True, share)] for share in (True, False))
        shared, whole = (torch.cat(way).float() for way in ways)
        return shared, whole

    def _sees_no_later_step(self) -> bool:
        probe = next((probe for probe in PROBES if self._takes(probe)), PROBES[0])
        whole, alone = (self._logits(probe, [_STEPS], one, False)[0].float() for one in (True, False))
        limit = 1e-3 if self._model.dtype == torch.float32 else 0.1
        if float((whole - alone).abs().max()) <= limit * max(1.0, float(alone.abs().max())):
            return True
        warnings.warn(
            f"{self.path}: what the model says of a step depends on later ones; each step gets a pass of its own, "
            "which is right, but slower.",
            stacklevel=2,
        )
        return False

    def _takes(self, probe: Problem) -> bool:
        """Whether the model takes such a prompt: some take none without an image."""
        try:
            self.encoder.prompts([self._seen(probe)])
        except Exception:  # whatever a processor says to what it does not take
            return False
        return True

    @abstractmethod
    def _load(self) -> Any:
        """The model, on the CPU."""

    @abstractmethod
    def _read(self, inputs: dict[str, Any], places: Tensor) -> Tensor:
        """What the model says at positions (P,) of each row: (R, P, classes)."""

    @abstractmethod
    def _probabilities(self, logits: Tensor) -> Tensor:
        """(S, classes) to the probability that a step is right, (S,)."""
