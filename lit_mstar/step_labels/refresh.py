"""A process reward model that keeps up with the policy: trained on, now and then, with labels of the policy's steps.

The paper trains the PRM once and leaves open what becomes of it as the policy moves away from what it was trained on.
Ours: some of an iteration's responses get Monte-Carlo labels from the policy that it ended with (the paper's stage 1,
again), and the PRM takes a few steps on them.
"""

from __future__ import annotations

import warnings
from itertools import islice

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.modules.prm import ProcessRewardModule
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.modules.step_loss import Labels
from lit_mstar.ranks import rank, ranks
from lit_mstar.rollouts.nouns import Iteration, Judge, Problem, Response, Rollout, SamplingParams
from lit_mstar.scorers.base import StepScorer, require_scores
from lit_mstar.step_labels.drawing import Drawing
from lit_mstar.step_labels.honesty import StepScores, disagreement, honesty
from lit_mstar.step_labels.monte_carlo import Labeller, StepLabels
from lit_mstar.step_labels.training import batches, restore, train_on, trained
from lit_mstar.training.division import gather, gather_dict
from lit_mstar.training.randomness import derived_seed

_CHECKED = ("prm/disagreement", "prm/disagreement_after", "prm/rolled_back")


class PRMRefresh:
    """Labels steps of an iteration's training responses and trains the PRM on them; all numbers are ours.

    Only responses to the iteration's training problems whose answer is known are used.

    Args:
        every: Iterations between two refreshes.
        problems: How many of the iteration's problems are labelled: the first of them, as iterations are shuffled.
        responses: Most distinct responses labelled per problem.
        completions: How completions are drawn; `n` is the K of the Monte-Carlo estimate.
        steps: Optimizer steps per refresh; with 0 the PRM stays as it is, and how far it can be trusted is measured.
        batch_size: Responses per step.
        labels: "soft" learns the share of completions that reached the answer, "hard" whether any did.
        optimizer: Any torch optimizer; it begins anew at each refresh.
        seed: Of the order of responses and of dropout.
        outside: A scorer that is not trained, as for `PRMFilter.prm`: where the PRM, once refreshed, disagrees with it
            more than before, the refresh is undone. None undoes none.
        drawing: When a prefix's completions are enough.

    Raises:
        ValueError: If `steps` is negative, or another number less than 1.
    """

    def __init__(
        self,
        every: int = 2,
        problems: int = 64,
        responses: int = 4,
        completions: SamplingParams = SamplingParams(n=8, seed=1),
        steps: int = 16,
        batch_size: int = 16,
        labels: Labels = "soft",
        optimizer: OptimizerCallable = lambda params: torch.optim.AdamW(params, lr=1e-5),
        seed: int = 0,
        outside: str | StepScorer | None = None,
        drawing: Drawing = Drawing(),
    ) -> None:
        if steps < 0:
            raise ValueError(f"PRMRefresh.steps is {steps}; it must be 0 (only measure) or more.")
        numbers = {"every": every, "problems": problems, "responses": responses, "batch_size": batch_size}
        for name, value in numbers.items():
            if value < 1:
                raise ValueError(f"PRMRefresh.{name} is {value}; it must be at least 1.")
        self.every = every
        self.problems = problems
        self.responses = responses
        self.completions = completions
        self.steps = steps
        self.batch_size = batch_size
        self.labels = labels
        self.optimizer = optimizer
        self.seed = seed
        self.outside = outside
        self.drawing = drawing
        self._outside: StepScorer | None = None

    def due(self, iteration: Iteration) -> bool:
        """Whether the PRM is refreshed at the end of this iteration; never after one that only measures."""
        return iteration.split == "train" and (iteration.index + 1) % self.every == 0

    def load(self) -> None:
        """Loads the outside scorer, so that one that cannot score is known before anything is sampled.

        Raises:
            ValueError: If it cannot.
        """
        if self.outside is not None and self._outside is None:
            self._outside = scorer_of(self.outside)

    def close(self) -> None:
        """Ends what the outside scorer has started."""
        if self._outside is not None:
            self._outside.close()

    def __call__(
        self, prm: ProcessRewardModule, policy: PolicyModule, iteration: Iteration, judge: Judge
    ) -> dict[str, float]:
        """Trains the PRM, which is on the CPU before and afterwards; every rank must call it, and ends with the same.

        Returns:
            `prm/refresh_labels`, the number of steps labelled; `prm/refresh_loss`, the mean over optimizer steps;
            `prm/refresh_auroc`, `prm/refresh_ece` and `prm/refresh_by_accident` of the scores that the iteration was
            selected by (`honesty.honesty`), and, where it took steps, the same with `_after` of the refreshed PRM's
            scores of the same chains. With an outside scorer, `prm/disagreement` before, `prm/disagreement_after`, and
            `prm/rolled_back`, 1 where the refresh was undone.
        """
        chosen = self._choose(iteration)
        labels = self._label(policy, chosen)
        examples = [
            StepExample(problem, r.steps, found.labels, truth=judge(problem, r.steps), draws=found.draws)
            for (problem, r), found in zip(chosen, labels, strict=True)
        ]
        if not examples:
            warnings.warn(
                f"Iteration {iteration.index} has no step to refresh the PRM with: no answered problem has a response "
                "with steps among the first. The PRM stays as it is.",
                stacklevel=2,
            )
            return {"prm/refresh_labels": 0.0}
        metrics = {"prm/refresh_labels": float(sum(len(example.labels) for example in examples))}
        right, before = [r.correct for _, r in chosen], [r.step_scores for _, r in chosen]
        metrics |= {f"prm/refresh_{k}": v for k, v in honesty(examples, right, before, prm.aggregation).items()}
        if not self.steps:
            return metrics
        old = {name: weight.detach().clone() for name, weight in trained(prm).items()}
        prm.to(policy.device)
        metrics["prm/refresh_loss"] = self._train(prm, examples, iteration.index)
        after = self._scores(prm, chosen)
        metrics |= {f"prm/refresh_{k}_after": v for k, v in honesty(examples, right, after, prm.aggregation).items()}
        prm.to("cpu")
        self.load()
        if self._outside is not None:
            metrics |= self._checked(self._outside, prm, policy, chosen, before, after, old)
        return metrics

    def _checked(
        self,
        outside: StepScorer,
        prm: ProcessRewardModule,
        policy: PolicyModule,
        chosen: list[tuple[Problem, Response]],
        before: StepScores,
        after: StepScores,
        old: dict[str, Tensor],
    ) -> dict[str, float]:
        """Asks the outside scorer, and undoes a refresh after which the PRM disagrees with it more."""
        outside.place(policy.device)
        opinion = self._scores(outside, chosen)
        outside.rest()
        for said in {text: None for text in gather(outside.said()) if text}:
            warnings.warn(said, stacklevel=2)
        ways = (outside.aggregation, prm.aggregation)
        gaps = [disagreement(opinion, scores, ways) for scores in (before, after)]
        undone = gaps[1] > gaps[0]
        if undone:
            restore(prm, old)
        return dict(zip(_CHECKED, (*gaps, float(undone)), strict=True))

    def _scores(self, scorer: StepScorer, chosen: list[tuple[Problem, Response]]) -> list[list[float]]:
        """The scores of the chosen chains' steps; each rank computes a part of them."""
        mine = range(rank(), len(chosen), ranks())
        rollouts = [Rollout(problem=chosen[i][0], responses=[chosen[i][1]]) for i in mine]
        scores = [of_rollout[0] for of_rollout in require_scores(scorer, rollouts)]
        found = gather_dict(dict(zip(mine, scores, strict=True)))
        return [found[i] for i in range(len(chosen))]

    def _choose(self, iteration: Iteration) -> list[tuple[Problem, Response]]:
        """The responses to be labelled, with their problems; those without steps have nothing to label."""
        chosen: list[tuple[Problem, Response]] = []
        for rollout in islice((x for x in iteration.rollouts if x.problem.answer is not None), self.problems):
            distinct: dict[str, Response] = {}
            for response in rollout.responses:
                if response.steps:
                    distinct.setdefault(response.text, response)
            chosen += [(rollout.problem, response) for response in islice(distinct.values(), self.responses)]
        return chosen

    def _label(self, policy: PolicyModule, chosen: list[tuple[Problem, Response]]) -> list[StepLabels]:
        """Labels from the current policy; each rank makes a part of them."""
        sampler = policy.sampler
        sampler.load_policy(policy)
        # Ranks that share an engine must call it equally often, so each of them labels everything.
        mine = range(rank(), len(chosen), ranks()) if sampler.independent else range(len(chosen))
        chains = [(chosen[i][0], chosen[i][1].text) for i in mine]
        labels = Labeller(sampler, self.completions, policy.marker, self.drawing).label(chains)
        sampler.rest()  # it makes room for the PRM's training
        found = gather_dict(dict(zip(mine, labels, strict=True)))
        return [found[i] for i in range(len(chosen))]

    def _train(self, prm: ProcessRewardModule, examples: list[StepExample], index: int) -> float:
        prm.labels = self.labels
        seed = derived_seed(f"{self.seed} PRM {index}")
        return train_on(prm, examples, self.optimizer, batches(len(examples), self.batch_size, self.steps), seed)
