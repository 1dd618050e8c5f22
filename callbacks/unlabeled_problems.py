"""Mixes in problems without answers; what the policy's own responses agree on stands for the answer."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Literal, cast, get_args

from lightning.pytorch import LightningModule, Trainer

from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.data.interval import share_of
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.reasoning.grader import Grader
from lit_mstar.reasoning.voting import vote
from lit_mstar.rewards.selection import AllCorrect, Selection, TopK
from lit_mstar.rollouts.nouns import Iteration, Problem, Rollout
from lit_mstar.training.division import parts

Answers = Literal["majority", "weighted", "oracle"]


class UnlabeledProblems(EvolutionCallback):
    """Adds the source's "unlabeled" problems to the iterations and learns from responses with the pseudo-answer.

    The paper's variation of prompts: it mixes them in after 0, 25, 50 or 75% of training. Write the callback below
    `PRMFilter`, which would otherwise undo its choice. A pseudo-answer decides only what is selected: `correct` of
    these responses stays None, for nobody marked them against the truth.

    Measures of each iteration: `unlabeled` (problems added), `pseudo_answered` (those with a pseudo-answer),
    `pseudo_dropped` (those without), `pseudo_kept` (responses selected), and, where the source knows the answers,
    `pseudo_right` (the share of pseudo-answers that are right).

    Args:
        mix_in: The share of training, in [0, 1), after which they are mixed in: from the iteration
            `mix_in * trainer.max_epochs` on (rounded up). Resume with the same `max_epochs`.
        answers: "weighted" counts each response's vote by its score, "majority" by 1; "oracle" reveals the source's
            answers instead, and the problems are then like any others.
        min_share: The least share of the votes that a pseudo-answer needs, in [0, 1] (ours); a problem with less
            gives nothing to learn from.
        selection: The H of the reward, among responses with the pseudo-answer; use the one of `PRMFilter`. By default
            its top 2 where responses are scored, else all. Not used with "oracle".
        interval: Share of the unlabeled problems per iteration, as for the training problems; None takes theirs.

    Raises:
        ValueError: If a value is outside its range; at the start of `fit`, if there are no unlabeled problems, one
            has the id of a training problem, the oracle does not know an answer, or no iteration comes after
            `mix_in` (with `max_epochs` -1, none does); in the first iteration, if votes are to be weighted and
            responses have no scores.
    """

    amends_selection = True
    divisible = True

    def __init__(
        self,
        mix_in: float = 0.0,
        answers: Answers = "weighted",
        min_share: float = 0.0,
        selection: Selection | None = None,
        interval: float | None = None,
    ) -> None:
        for name, ok, value, wanted in (
            ("mix_in", 0 <= mix_in < 1, mix_in, "in [0, 1)"),
            ("answers", answers in get_args(Answers), answers, f"one of {', '.join(get_args(Answers))}"),
            ("min_share", 0 <= min_share <= 1, min_share, "in [0, 1]"),
            ("interval", interval is None or 0 < interval <= 1, interval, "in (0, 1]"),
        ):
            if not ok:
                raise ValueError(f"UnlabeledProblems.{name} is {value!r}; it must be {wanted}.")
        self.mix_in = mix_in
        self.answers = answers
        self.min_share = min_share
        self.selection = selection
        self.interval = interval
        self._start = 0  # the first iteration that they are in
        self._problems: list[Problem] = []
        self._truth: dict[str, str | None] = {}  # their answers, as far as the source knows them, by id

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Reads and checks the problems, before any model is loaded."""
        if stage != "fit":
            return
        data = cast(SelfEvolvingDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        self._problems = data.require("unlabeled")
        self._truth = {problem.id: problem.answer for problem in self._problems}
        if shared := sorted(problem.id for problem in data.require("train") if problem.id in self._truth):
            raise ValueError(f"Problem {shared[0]!r} is in 'train' and in 'unlabeled'; give it another id in one.")
        unknown = [problem.id for problem in self._problems if problem.answer is None]
        if self.answers == "oracle" and unknown:
            raise ValueError(f"Unlabeled problem {unknown[0]!r} has no answer; add it, or let responses vote instead.")
        epochs = trainer.max_epochs or -1
        self._start = math.ceil(round(self.mix_in * epochs, 6))  # rounded first: 0.07 * 100 is a little more than 7
        if self.mix_in and self._start >= epochs:
            raise ValueError(
                f"UnlabeledProblems.mix_in is {self.mix_in}, and no iteration begins after that share of "
                f"trainer.max_epochs ({epochs}); correct one of them."
            )

    def on_sampling_start(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Adds the iteration's share, its answers hidden; every pass, counted from the mix-in, covers them all."""
        data = cast(SelfEvolvingDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        turn = iteration.index - self._start
        added = share_of(self._problems, self.interval or data.interval, turn) if turn >= 0 else []
        if self.answers != "oracle":
            added = [replace(problem, answer=None, reasoning=None) for problem in added]
        iteration.problems = [*iteration.problems, *added]
        iteration.metrics["unlabeled"] = len(added)

    def on_rollouts_sampled(self, trainer: Trainer, pl_module: LightningModule, iteration: Iteration) -> None:
        """Lets responses vote and selects among those that agree."""
        if iteration.split != "train" or self.answers == "oracle":
            return
        grader = cast(PolicyModule, pl_module).marker.grader
        counts: Counter[str] = Counter()
        for rollout in iteration.rollouts:
            if self.answers == "weighted":  # asked of all: before the mix-in, a run learns early that it cannot go on
                _require_scores(rollout)
            if rollout.problem.id not in self._truth:
                continue
            answer, truth = self._pseudo_answer(rollout, grader), self._truth[rollout.problem.id]
            rollout.selected = [] if answer is None else self._selected(rollout, answer, grader)
            counts["kept"] += len(rollout.selected)
            counts["dropped" if answer is None else "answered"] += 1
            if answer is not None and truth is not None:
                right = grader.matches(answer, replace(rollout.problem, answer=truth)).correct
                counts["right" if right else "wrong"] += 1
        counts = sum(parts(iteration, counts), Counter())
        if counts["answered"] + counts["dropped"]:
            iteration.metrics |= {f"pseudo_{name}": counts[name] for name in ("answered", "dropped", "kept")}
        if known := counts["right"] + counts["wrong"]:
            iteration.metrics["pseudo_right"] = counts["right"] / known

    def _pseudo_answer(self, rollout: Rollout, grader: Grader) -> str | None:
        """What the responses agree on; None where too few do, or only such that weigh nothing."""
        weights = [cast(float, x.score) for x in rollout.responses] if self.answers == "weighted" else None
        agree = partial(grader.agree, problem=rollout.problem)
        answer, share = vote([x.answer for x in rollout.responses], weights, agree=agree)
        return answer if share > 0 and share >= self.min_share else None

    def _selected(self, rollout: Rollout, answer: str, grader: Grader) -> list[int]:
        """What the selection keeps of a copy that is marked against the pseudo-answer."""
        problem = replace(rollout.problem, answer=answer)
        marked = Rollout(problem=problem, responses=[replace(x) for x in rollout.responses])
        for response in marked.responses:
            response.correct = response.answer is not None and grader.agree(response.answer, answer, rollout.problem)
        scored = all(response.score is not None for response in marked.responses)
        selection = self.selection or (TopK(k=2) if scored else AllCorrect())
        return selection(marked)


def _require_scores(rollout: Rollout) -> None:
    for index, response in enumerate(rollout.responses):
        if response.score is None or math.isnan(response.score):
            raise ValueError(
                f"Response {index} of problem {rollout.problem.id!r} has score {response.score}, and votes are to be "
                "weighted by scores. Put PRMFilter above UnlabeledProblems, or set its answers: majority."
            )
