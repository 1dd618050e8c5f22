"""The data set that the policy makes for itself: one Lightning epoch is one M-STaR iteration.

`SelfEvolvingDataModule.generate` is the whole Generate step, in order. What it leaves out, Lightning does: the
Improve step is an ordinary training epoch whose optimizer simply goes on (Continuous Self-Evolving).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from tqdm.auto import tqdm

from lit_mstar.data.base import Example, ProblemDataModule
from lit_mstar.data.source import ProblemSource, Split
from lit_mstar.hooks import call_hook
from lit_mstar.ledger import Ledger
from lit_mstar.policy import PolicyModule
from lit_mstar.rollouts import Iteration, Problem, Rollout, SamplingParams
from lit_mstar.selection import AllCorrect

_FLUSH = 64  # problems per ledger part, ours: few files, and little to sample again after a crash


class SelfEvolvingDataModule(ProblemDataModule):
    """Regenerates its training data at each epoch by sampling from the policy.

    The trainer must reload it each epoch: `reload_dataloaders_every_n_epochs: 1`.

    Args:
        source: Where the problems come from; its "train" split is sampled.
        sampling: How responses are drawn; callbacks may change it as training goes on.
        interval: Share of the training problems per iteration, rounded to 1/k; each pass shuffles them anew
            (25% in the paper's recipe).
        patience: Iterations in a row without anything to learn from before the run stops (ours).
        **loading: As for `ProblemDataModule`.

    Raises:
        ValueError: If `interval` is not in (0, 1].
    """

    def __init__(
        self,
        source: ProblemSource,
        sampling: SamplingParams = SamplingParams(),
        interval: float = 0.25,
        patience: int = 3,
        **loading: Any,
    ) -> None:
        super().__init__(source, **loading)
        if not 0 < interval <= 1:
            raise ValueError(f"SelfEvolvingDataModule.interval is {interval}; it must be in (0, 1].")
        self.sampling = sampling
        self.interval = interval
        self.patience = patience
        self.iteration: Iteration | None = None
        self.fruitless = 0  # iterations so far that gave nothing to learn from
        self._round = -1  # epochs that were finished when `iteration` was generated

    def setup(self, stage: str) -> None:
        """Also checks the training problems and the trainer's settings.

        Raises:
            ValueError: If there are no training problems, or the trainer would not ask for new data.
        """
        super().setup(stage)
        if stage == "fit":
            self.require("train")
            if self.trainer.reload_dataloaders_every_n_epochs != 1:
                raise ValueError("SelfEvolvingDataModule needs trainer.reload_dataloaders_every_n_epochs: 1.")

    def train_dataloader(self) -> Any:
        """The iteration's selected responses; sampled when a new epoch asks for the first time.

        Lightning asks twice when it resumes, so the answer is kept by the number of finished epochs.
        """
        finished = self.trainer.fit_loop.epoch_progress.current.processed
        if self.iteration is None or finished != self._round:
            self.iteration, self._round = self._fruitful(finished), finished
        return self.example_loader(_examples(self.iteration))

    def generate(self, index: int) -> Iteration:
        """The Generate step: choose problems, sample, mark, reward, select. Every rank returns the same."""
        problems = share_of(self.require("train"), self.interval, index)
        iteration = Iteration(index=index, problems=problems, sampling=self._seeded(f"train {index}"))
        call_hook(self.trainer, "on_sampling_start", iteration)

        self._on_rank_zero(lambda: self.ledger.begin(iteration, self._fingerprint(iteration)))
        rewarded = self.ledger.is_rewarded(index)
        if not rewarded:
            self._sample_into_ledger(iteration)
        iteration.rollouts = self.ledger.read(iteration)
        iteration.metrics |= self.ledger.header(index).get("metrics", {})

        if not rewarded:
            self._mark(iteration)
            call_hook(self.trainer, "on_rollouts_sampled", iteration)
            self._on_rank_zero(lambda: self.ledger.reward(iteration))
        return iteration

    def measure(self, split: Split, sampling: SamplingParams) -> Iteration:
        """Samples a split's problems only to measure: rewarded like training rollouts, but not in the ledger."""
        index = self.iteration.index if self.iteration else 0
        iteration = Iteration(index=index, problems=self.require(split), sampling=sampling, split="validate")
        found = dict(self._sampled(iteration.problems, sampling, f"measuring at T = {sampling.temperature:g}"))
        iteration.rollouts = [found[i] for i in range(len(iteration.problems))]
        self._mark(iteration)
        call_hook(self.trainer, "on_rollouts_sampled", iteration)
        return iteration

    def end_iteration(self) -> None:
        """Called by `PolicyModule` when the epoch is trained and validated: measure, log, write down."""
        iteration = self.iteration
        assert iteration is not None, "the epoch that ends was generated"  # noqa: S101
        call_hook(self.trainer, "on_iteration_end", iteration)
        self._policy.log_dict(iteration.metrics, logger=False, sync_dist=True)
        self._close(iteration)

    def state_dict(self) -> dict[str, int]:
        """What, besides the trainer's epoch, says which iteration comes next."""
        return {"fruitless": self.fruitless}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Restores `state_dict`."""
        self.fruitless = state_dict["fruitless"]

    @property
    def ledger(self) -> Ledger:
        """The run's ledger, `<default_root_dir>/rollouts`."""
        return Ledger(Path(self.trainer.default_root_dir) / "rollouts")

    @property
    def _policy(self) -> PolicyModule:
        return cast(PolicyModule, self.trainer.lightning_module)

    def _fruitful(self, finished: int) -> Iteration:
        """The next iteration that gives something to learn from; those that do not are logged and counted."""
        for _ in range(self.patience):
            iteration = self.generate(finished + self.fruitless)
            if _examples(iteration):
                return iteration
            warnings.warn(f"Iteration {iteration.index}: {_count(iteration)}; going on to the next.", stacklevel=2)
            self.fruitless += 1
            self._close(iteration)
        raise RuntimeError(
            f"{self.patience} iterations in a row gave nothing to learn from; the last: {_count(iteration)}. Warm the "
            "policy up longer, ask easier problems, raise sampling.n or max_tokens, or loosen the selection."
        )

    def _sample_into_ledger(self, iteration: Iteration) -> None:
        """Samples this rank's part of the problems that the ledger lacks, writing as they come."""
        trainer = self.trainer
        known = {rollout.problem.id for rollout in self.ledger.read(iteration)}
        missing = [problem for problem in iteration.problems if problem.id not in known]
        mine = missing[trainer.global_rank :: trainer.world_size]
        chunk: list[Rollout] = []
        try:
            for _, rollout in self._sampled(mine, iteration.sampling, f"iteration {iteration.index}: sampling"):
                chunk.append(rollout)
                if len(chunk) == _FLUSH:
                    self.ledger.append(iteration.index, chunk)
                    chunk = []
        finally:  # an engine may fail at any moment: what it gave is kept
            if chunk:
                self.ledger.append(iteration.index, chunk)
        trainer.strategy.barrier()

    def _sampled(self, problems: list[Problem], sampling: SamplingParams, what: str) -> Iterator[tuple[int, Rollout]]:
        sampler = self._policy.sampler
        sampler.load_policy(self._policy)
        stream = sampler.sample(problems, sampling)
        # disable=None: no bar where nobody looks at a terminal
        yield from tqdm(stream, desc=what, total=len(problems), unit="problem", leave=False, disable=None)

    def _mark(self, iteration: Iteration) -> None:
        for rollout in iteration.rollouts:
            self._policy.reasoning.mark(rollout)
            rollout.selected = AllCorrect()(rollout)

    def _close(self, iteration: Iteration) -> None:
        for logger in self.trainer.loggers:
            logger.log_metrics({f"iteration/{k}": v for k, v in iteration.metrics.items()}, step=iteration.index)
        self._on_rank_zero(lambda: self.ledger.record(iteration))

    def _seeded(self, purpose: str) -> SamplingParams:
        """The sampling parameters with a seed for one purpose, derived from theirs and `seed_everything`."""
        key = f"{self.sampling.seed} {torch.initial_seed()} {purpose}"
        return replace(self.sampling, seed=int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big"))

    def _fingerprint(self, iteration: Iteration) -> str:
        """A digest of all that decides what is sampled: problems, parameters, weights."""
        ids = [problem.id for problem in iteration.problems]
        key = repr((ids, iteration.sampling, self._policy.fingerprint()))
        return hashlib.sha256(key.encode()).hexdigest()

    def _on_rank_zero(self, action: Callable[[], None]) -> None:
        """Changes the ledger on one rank, while no other still reads it or already reads on."""
        self.trainer.strategy.barrier()
        if self.trainer.is_global_zero:
            action()
        self.trainer.strategy.barrier()


def share_of(problems: Sequence[Problem], interval: float, index: int) -> list[Problem]:
    """The problems of one iteration: each pass is shuffled and dealt into 1/interval shares."""
    shares = max(1, round(1 / interval))
    order = np.random.default_rng(index // shares).permutation(len(problems))
    return [problems[i] for i in np.array_split(order, shares)[index % shares]]


def _examples(iteration: Iteration) -> list[Example]:
    return [(r.problem, r.responses[i].token_ids) for r in iteration.rollouts for i in r.selected]


def _count(iteration: Iteration) -> str:
    responses = [response for rollout in iteration.rollouts for response in rollout.responses]
    correct = sum(response.correct is True for response in responses)
    return f"{correct} of {len(responses)} responses are correct and none is selected"
