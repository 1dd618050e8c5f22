"""Sampling over all ranks: problems divided by expected work, rollouts marked as they come, a stuck engine noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from statistics import fmean
from typing import Any

from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_mstar.data.hint import hinted
from lit_mstar.ranks import rank
from lit_mstar.rewards.selection import AllCorrect
from lit_mstar.rollouts.ledger import chunked
from lit_mstar.rollouts.nouns import Problem, Response, Rollout, SamplingParams
from lit_mstar.rollouts.waves import Waves
from lit_mstar.terminal.phases import phase
from lit_mstar.training.division import grouped, take, zero_alone
from lit_mstar.training.randomness import derived_seed
from lit_mstar.training.watch import progress_watched

_AT_ONCE = 32  # chunks that an engine is given together, ours: enough to keep it busy, a bounded number in memory

_QUEUES = count(1)  # of the process: its process group remembers each, also a former run's


class RankSampling:
    """Draws this rank's part of the responses; a rank that is done takes more.

    A central sampler is asked by rank 0 alone, for everything at once: its engines keep themselves busy.

    Args:
        stall_timeout: Seconds without a finished problem after which the sampler counts as stuck.
    """

    def __init__(self, stall_timeout: float) -> None:
        self.stall_timeout = stall_timeout
        self._lengths: dict[str, float] = {}  # mean tokens of a problem's responses, where they were seen

    def sample(
        self,
        trainer: Any,
        problems: Sequence[Problem],
        sampling: SamplingParams,
        detail: str = "",
        hint: str | None = None,
        name: str = "sampling",
        waves: Waves | None = None,
    ) -> Iterator[Rollout]:
        """Yields marked rollouts as they finish; what is correct is selected until a callback says otherwise.

        Args:
            trainer: Its module is the policy, with its sampler; every rank calls with the same problems.
            problems: Of all ranks together.
            sampling: How responses are drawn.
            detail: Which work it is, for messages.
            hint: How problems are asked, where it is not the question alone.
            name: Of the phase, for the display.
            waves: How many responses a problem takes; None draws `sampling.n` of each.

        Raises:
            TimeoutError: If the sampler is stuck.
            SIGTERMException: After the response that came when the process was told to end; what is complete was
                yielded, a problem that waits for its next wave is begun anew when the run goes on.
        """
        policy = trainer.lightning_module
        policy.sampler.load_policy(policy)
        queue, central = f"queue {next(_QUEUES)}", policy.sampler.central
        alone = zero_alone(queue, lambda: _stop_if_told(trainer)) if central else nullcontext()
        total = len(problems) if central else -(-len(problems) // trainer.world_size)
        shown = phase(trainer, name, total, detail=detail)
        with alone, shown as advance, progress_watched(self.stall_timeout, f"{name} {detail}".strip()) as moved:
            for asked in self._groups(trainer, problems, sampling.n, queue):
                for rollout in self._drawn(trainer, asked, sampling, hint, waves or Waves(first=sampling.n), moved):
                    advance(1)
                    rollout.selected = AllCorrect()(rollout)
                    yield rollout

    def _drawn(
        self,
        trainer: Any,
        asked: Sequence[Problem],
        sampling: SamplingParams,
        hint: str | None,
        waves: Waves,
        moved: Callable[[], None],
    ) -> Iterator[Rollout]:
        """Draws wave by wave and marks what comes; yields each problem once, when it has all its responses."""
        sampler, marker = trainer.lightning_module.sampler, trainer.lightning_module.marker
        found: dict[int, list[Response]] = {place: [] for place in range(len(asked))}  # of those that are not done
        start = 0
        for size in waves.sizes(sampling.n):
            waiting = list(found)
            if not waiting and sampler.independent:  # ranks that share an engine must call it equally often
                return
            wave = _wave(sampling, start, size)
            for i, rollout in sampler.sample([hinted(asked[place], hint) for place in waiting], wave):
                moved()
                place = waiting[i]
                rollout.problem = asked[place]  # from here on, nothing knows of the hint
                found[place] += marker.mark(rollout).responses
                if start + size == sampling.n or _done(found[place], waves):
                    yield Rollout(problem=asked[place], responses=found.pop(place))
                _stop_if_told(trainer)
            start += size

    def remember_lengths(self, lengths: Mapping[str, float]) -> None:
        """Notes the mean tokens of problems' responses, by id: what is expected to be long is sampled first."""
        self._lengths |= lengths

    def _groups(self, trainer: Any, problems: Sequence[Problem], n: int, queue: str) -> Iterable[list[Problem]]:
        """What this rank asks for together, group by group."""
        sampler = trainer.lightning_module.sampler
        if sampler.central:
            return [[p for [p] in self._longest_first(trainer, _cut(problems, 1), n)]] if rank() == 0 else []
        groups = grouped(self._pieces(trainer, problems, n), limit=_AT_ONCE)
        return ([p for piece in group for p in piece] for group in take(groups, queue, sampler.independent))

    def _pieces(self, trainer: Any, problems: Sequence[Problem], n: int) -> list[Sequence[Problem]]:
        """Problems that stay together, those of the longest responses first; enough pieces for all ranks."""
        pieces = chunked(problems, n)
        if trainer.world_size == 1:
            return pieces
        pieces = [part for chunk in pieces for part in _cut(chunk, -(-len(problems) // (8 * trainer.world_size)))]
        return self._longest_first(trainer, pieces, n)

    def _longest_first(self, trainer: Any, pieces: list[Sequence[Problem]], n: int) -> list[Sequence[Problem]]:
        mean = fmean(self._lengths.values()) if self._lengths else 0.0
        encoder = trainer.lightning_module.encoder
        prompt = encoder.text_ids if encoder else str  # a server's tokens are not known

        def tokens(problem: Problem) -> float:
            return len(prompt(problem.question)) + n * self._lengths.get(problem.id, mean)

        return sorted(pieces, key=lambda piece: -sum(map(tokens, piece)))


def _stop_if_told(trainer: Any) -> None:
    if trainer.received_sigterm:
        raise SIGTERMException


def _wave(sampling: SamplingParams, start: int, size: int) -> SamplingParams:
    """How the responses behind the first `start` are drawn: with random numbers of their own."""
    seed = derived_seed(f"{sampling.seed} {start}") if start else sampling.seed
    return replace(sampling, n=size, seed=seed)


def _done(responses: Sequence[Response], waves: Waves) -> bool:
    right = {response.text for response in responses if response.correct}
    wrong = sum(response.correct is False for response in responses)
    return waves.done(len(right), wrong, len(responses))


def _cut(problems: Sequence[Problem], size: int) -> list[Sequence[Problem]]:
    return [problems[start : start + size] for start in range(0, len(problems), size)]
