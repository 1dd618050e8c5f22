"""The data set that the policy makes for itself: one Lightning epoch is one M-STaR iteration.

`SelfEvolvingDataModule.generate` is the whole Generate step, in order. What it leaves out, Lightning does: the
Improve step is an ordinary training epoch whose optimizer simply goes on (Continuous Self-Evolving).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from lit_mstar.data.base import ProblemDataModule
from lit_mstar.data.fingerprint import marking_fingerprint, sampling_fingerprint
from lit_mstar.data.harvest import examples, harvest
from lit_mstar.data.hint import checked_hint
from lit_mstar.data.interval import share_of
from lit_mstar.data.loaders import Example
from lit_mstar.data.marking import mark_anew
from lit_mstar.data.rank_sampling import RankSampling
from lit_mstar.data.shares import dealt, reward, tidy
from lit_mstar.data.sources.source import ProblemSource, Split
from lit_mstar.hooks import all_divisible, call_hook
from lit_mstar.loggers.groups import grouped
from lit_mstar.loggers.layout import lay_out
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.ranks import on_rank_zero
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import Iteration, Problem, Rollout, SamplingParams
from lit_mstar.rollouts.waves import Waves
from lit_mstar.training.callback_checks import check_order
from lit_mstar.training.division import gather
from lit_mstar.training.randomness import derived_seed
from lit_mstar.training.watch import require_space, size_of


class SelfEvolvingDataModule(ProblemDataModule):
    """Regenerates its training data at each epoch by sampling from the policy.

    The trainer must reload it each epoch: `reload_dataloaders_every_n_epochs: 1`.

    Args:
        source: Where the problems come from; its "train" split is sampled.
        sampling: How responses are drawn; callbacks may change it as training goes on.
        interval: Share of the training problems per iteration, rounded to 1/k; each pass shuffles them anew
            (25% in the paper's recipe).
        patience: Iterations in a row without anything to learn from before the run stops (ours).
        stall_timeout: Seconds without a finished problem after which the sampler counts as stuck (ours).
        reserve_gb: Free disk space that an iteration needs to start, in GB, beside twice the largest checkpoint (ours).
        hint: How training problems are asked when they are sampled, with `{question}` and `{answer}` (the paper's
            warmup: the policy explains a known answer); it learns its responses to the question alone.
        waves: When a training problem has enough responses, or little hope (ours); None draws `sampling.n` of each.
            What is sampled to measure always has all.
        **loading: As for `ProblemDataModule`.

    Raises:
        ValueError: If `interval` is not in (0, 1], `hint` lacks one of the two, or `waves` asks for more than
            `sampling.n` responses.
    """

    def __init__(
        self,
        source: ProblemSource,
        sampling: SamplingParams = SamplingParams(),
        interval: float = 0.25,
        patience: int = 3,
        stall_timeout: float = 3600.0,
        reserve_gb: float = 1.0,
        hint: str | None = None,
        waves: Waves | None = None,
        **loading: Any,
    ) -> None:
        super().__init__(source, **loading)
        if not 0 < interval <= 1:
            raise ValueError(f"SelfEvolvingDataModule.interval is {interval}; it must be in (0, 1].")
        self.sampling = sampling
        self.interval = interval
        self.patience = patience
        self.reserve_gb = reserve_gb
        self.hint = checked_hint(hint)
        self.waves = _checked(waves, sampling.n)
        self.iteration: Iteration | None = None
        self.fruitless = 0  # iterations so far that gave nothing to learn from
        self._round = -1  # epochs that were finished when `iteration` was generated
        self._examples: list[Example] = []  # what it gave to learn from
        self._weights = ""  # a digest of those that it was sampled with
        self._resumed: dict[int, str] = {}  # the same, of the iteration that a checkpoint was saved in
        self._ranks = RankSampling(stall_timeout)

    def setup(self, stage: str) -> None:
        """Also checks the training problems and the trainer's settings.

        Raises:
            ValueError: If there are no training problems, or the trainer would not ask for new data.
        """
        super().setup(stage)
        if stage == "fit":
            self.require("train")
            check_order(self.trainer)
            if self.iteration is None:  # or else its share is in use
                tidy(self.ledger.folder)
            lay_out(self.trainer.loggers)
            if self.trainer.reload_dataloaders_every_n_epochs != 1:
                raise ValueError("SelfEvolvingDataModule needs trainer.reload_dataloaders_every_n_epochs: 1.")

    def train_dataloader(self) -> Any:
        """The iteration's selected responses; sampled when a new epoch asks for the first time.

        Lightning asks twice when it resumes, so the answer is kept by the number of finished epochs.
        """
        finished = self.trainer.fit_loop.epoch_progress.current.processed
        if self.iteration is None or finished != self._round:
            self.iteration, self._round = self._fruitful(finished), finished
        return self.example_loader(self._examples)

    def generate(self, index: int) -> Iteration:
        """The Generate step: choose problems, sample, mark, reward, select. Every rank returns its share of it."""
        self._require_space()
        problems = share_of(self.require("train"), self.interval, index)
        sampling = self.seeded(f"train {index}")
        iteration = Iteration(index=index, problems=problems, sampling=sampling, waves=self.waves)
        call_hook(self.trainer, "on_sampling_start", iteration)

        marking = self._begin(iteration)
        marked = on_rank_zero(lambda: self.ledger.is_marked(index, marking))
        rewarded = marked and on_rank_zero(lambda: self.ledger.is_rewarded(index))
        sampled = 0 if rewarded else self._sample_into_ledger(iteration)
        iteration.divided = self.trainer.world_size > 1 and all_divisible(self.trainer)
        iteration.rollouts = dealt(self.ledger, iteration)

        if rewarded:
            iteration.metrics |= on_rank_zero(lambda: self.ledger.header(index).get("metrics", {}))
        else:  # measures of how it was marked before are none of how it is marked now
            if not marked:
                mark_anew(iteration, self._policy.marker, sampled)
            call_hook(self.trainer, "on_rollouts_sampled", iteration)
            iteration.rollouts = reward(self.ledger, iteration, marking)
        return iteration

    def measure(self, split: Split, sampling: SamplingParams, problems: Sequence[Problem] | None = None) -> Iteration:
        """Samples a split's answered problems to measure: rewarded like training rollouts, but not in the ledger.

        Args:
            split: The problems', unless they are given.
            sampling: How responses are drawn.
            problems: Others, or a few of them.

        Raises:
            ValueError: If there are none.
        """
        index = self.iteration.index if self.iteration else 0
        problems = list(problems or self.require(split, answered=True))
        iteration = Iteration(index=index, problems=problems, sampling=sampling, split="validate")
        detail = f"at T = {sampling.temperature:g}"
        mine = list(self._ranks.sample(self.trainer, problems, sampling, detail, name="measuring"))
        found = {rollout.problem.id: rollout for part in gather(mine) for rollout in part}
        iteration.rollouts = [found[problem.id] for problem in problems]
        call_hook(self.trainer, "on_rollouts_sampled", iteration)
        return iteration

    def end_iteration(self) -> None:
        """Called by `PolicyModule` when the epoch is trained and validated: measure, log, write down."""
        iteration = self.iteration
        assert iteration is not None, "the epoch that ends was generated"  # noqa: S101
        call_hook(self.trainer, "on_iteration_end", iteration)
        self._policy.log_dict(iteration.metrics, logger=False, sync_dist=True)
        self._close(iteration)

    def state_dict(self) -> dict[str, Any]:
        """What, besides the trainer's epoch, says which iteration comes next, and with which weights it was sampled."""
        index = self.iteration.index if self.iteration else -1
        return {"fruitless": self.fruitless, "index": index, "weights": self._weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores `state_dict`. In mid-epoch the weights have moved on: the ledger is then known by the old ones."""
        self.fruitless = state_dict["fruitless"]
        self._resumed = {state_dict["index"]: state_dict.get("weights", "")}

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
            self._examples = self._learn_from(iteration)
            if self._examples:
                return iteration
            warnings.warn(f"Iteration {iteration.index}: {_counted(iteration)}; going on to the next.", stacklevel=2)
            self.fruitless += 1
            self._close(iteration)
        raise RuntimeError(
            f"{self.patience} iterations in a row gave nothing to learn from; the last: {_counted(iteration)}. Warm "
            "the policy up longer, ask easier problems, raise sampling.n or max_tokens, or loosen the selection."
        )

    def _learn_from(self, iteration: Iteration) -> list[Example]:
        """What is selected, the same on every rank; also notes how long responses are, and how many are right."""
        found = harvest(iteration)
        self._ranks.remember_lengths(found.lengths)
        iteration.counts = found.counts
        return examples(iteration, found)

    def _begin(self, iteration: Iteration) -> str:
        """Begins the iteration's ledger, or finds what is there of it; returns how its responses are to be marked."""
        self._weights = self._sampled_with(iteration)
        marking = marking_fingerprint(iteration, self._policy.marker)
        self._on_rank_zero(
            lambda: self.ledger.begin(iteration, self._sampled_from(iteration, self._weights), marking, self._weights)
        )
        return marking

    def _sampled_with(self, iteration: Iteration) -> str:
        """A digest of the weights that a resumed iteration was sampled with, or else of those there are.

        Where it was of other data, it is sampled anew, with weights that have moved on: they are what is noted then.
        """
        earlier = self._resumed.pop(iteration.index, "")

        def there() -> bool:
            return self._sampled_from(iteration, earlier) == self.ledger.header(iteration.index).get("fingerprint")

        return earlier if earlier and on_rank_zero(there) else self._policy.fingerprint()

    def _sampled_from(self, iteration: Iteration, weights: str) -> str:
        return sampling_fingerprint(iteration, self._policy.encoder.said, weights, self.hint)

    def _sample_into_ledger(self, iteration: Iteration) -> int:
        """Samples the problems that the ledger lacks, over all ranks, writing as they come; returns their number."""
        known = on_rank_zero(lambda: self.ledger.sampled(iteration.index))
        missing = [problem for problem in iteration.problems if problem.id not in known]
        if not missing:  # all that is to be done is to mark it anew
            return 0
        self._policy.sampler.recall(iteration.problems, lambda asked: self._said_before(iteration, asked))
        detail = f"iteration {iteration.index}"
        rollouts = self._ranks.sample(
            self.trainer, missing, iteration.sampling, detail, self.hint, waves=iteration.waves
        )
        written = sum(gather(self.ledger.fill(iteration, rollouts)))  # by all: it waits for the last
        found = on_rank_zero(lambda: len(self.ledger.sampled(iteration.index)) - len(known))
        if found < written:
            raise RuntimeError(
                f"Ranks wrote {written} problems into {self.ledger.folder}, and rank 0 finds {found} of them there. It "
                "must be a folder that all ranks share, as their engines are their own."
            )
        return len(missing)

    def _said_before(self, iteration: Iteration, problems: Sequence[Problem]) -> Iterator[Rollout]:
        """What the ledger has of the last two passes about some problems, the latest first: for guesses."""
        earliest = max(0, iteration.index - 2 * round(1 / self.interval))
        for index in range(iteration.index - 1, earliest - 1, -1):
            with suppress(OSError, ValueError):  # what cannot be read is not guessed from
                yield from self.ledger.read(replace(iteration, index=index, problems=list(problems)))

    def _close(self, iteration: Iteration) -> None:
        for logger in self.trainer.loggers:
            logger.log_metrics(grouped(iteration.metrics), step=iteration.index)
        self._on_rank_zero(lambda: self.ledger.record(iteration))

    def _require_space(self) -> None:
        saved = Path(self.trainer.default_root_dir).glob("checkpoints/*.ckpt")
        largest = max((size_of(path) for path in saved), default=0)
        require_space(Path(self.trainer.default_root_dir), int(self.reserve_gb * 1e9) + 2 * largest)

    def seeded(self, purpose: str) -> SamplingParams:
        """The sampling parameters with a seed for one purpose, derived from theirs and `seed_everything`."""
        key = f"{self.sampling.seed} {torch.initial_seed()} {purpose}"
        return replace(self.sampling, seed=derived_seed(key))

    def _on_rank_zero(self, action: Callable[[], None]) -> None:
        """Changes the ledger on one rank, while no other still reads it or already reads on."""
        self.trainer.strategy.barrier()
        if self.trainer.is_global_zero:
            action()
        self.trainer.strategy.barrier()


def _checked(waves: Waves | None, most: int) -> Waves | None:
    for name in ("first", "enough") if waves else ():
        if (value := getattr(waves, name)) > most:
            raise ValueError(f"Waves.{name} is {value}, but sampling.n is {most}; lower the one or raise the other.")
    return waves


def _counted(iteration: Iteration) -> str:
    counts = iteration.counts
    also = f" ({counts['cut']} were cut at max_tokens)" if counts["cut"] else ""
    return f"{counts['correct']} of {counts['sampled']} responses are correct{also} and none is selected"
