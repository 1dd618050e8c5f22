"""Measures a reward model at test time: as a verifier against majority votes, and as a reranker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from lightning.pytorch import LightningModule, Trainer

from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.data.sources.source import Split
from lit_mstar.hooks import EvolutionCallback
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.rewards.reranking import reranking
from lit_mstar.rewards.verification import accuracies, sizes_up_to
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.rollouts.tensors import scores
from lit_mstar.scorers.base import StepScorer
from lit_mstar.scorers.rank_scoring import RankScoring

_NAMES = {
    "greedy": "greedy",
    "single": "one sample",
    "majority": "majority vote",
    "best_of_n": "best of N",
    "weighted_vote": "weighted vote",
    "pass": "any of N (Pass@N)",
}


class PRMVerifier(EvolutionCallback):
    """Samples the test problems when they are tested, then prints and logs what a reward can and cannot do.

    By N = 1, 2, 4, … n: `test/majority/N=4`, `test/pass/N=4`, and where something scores responses (`PRMFilter`)
    `test/best_of_n/N=4` and `test/weighted_vote/N=4`; beside them `test/single`, the share of correct responses, and
    `test/greedy` (`verification.accuracies`). Where something scores, the k correct responses that score highest
    against the other correct ones: `test/compared`, `test/top2/steps`, `test/rest/steps` and so on
    (`reranking.reranking`). One sampling serves all; `fit` measures at its end, when it tests.

    Args:
        n: Responses per problem (64 is ours).
        temperature: Of the sampling; None takes the DataModule's.
        split: Which problems are sampled: all of them, whatever `limit_test_batches` says.
        k: How many of the correct responses training keeps (2 in the paper).
        scorer: Who scores, as for `PRMFilter.prm`; None takes the scores that a callback above this one has given.

    Raises:
        ValueError: If `n` or `k` is less than 1, or `temperature` isn't above 0; before anything is sampled, if the
            DataModule cannot sample, or the split has no answered problems.
    """

    def __init__(
        self,
        n: int = 64,
        temperature: float | None = None,
        split: Split = "test",
        k: int = 2,
        scorer: str | StepScorer | None = None,
    ) -> None:
        if n < 1 or k < 1:
            raise ValueError(f"PRMVerifier.n is {n} and k is {k}; both must be at least 1.")
        if temperature is not None and temperature <= 0:
            raise ValueError(f"PRMVerifier.temperature is {temperature}; responses differ only above 0.")
        self.n = n
        self.temperature = temperature
        self.split: Split = split
        self.k = k
        self.scorer = scorer
        self._scoring: RankScoring | None = None
        self._report = ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Checks what it will sample from."""
        if stage in ("fit", "test"):
            self._data(trainer).require(self.split, answered=True)
            if self.scorer is not None and self._scoring is None:
                self._scoring = RankScoring(scorer_of(self.scorer))

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Samples and measures; every rank has all rollouts and finds the same."""
        data = self._data(trainer)
        sampling = self._sampling(data)
        rollouts = data.measure(self.split, sampling).rollouts
        if self._scoring:
            rollouts = self._scoring.scored(rollouts, pl_module.device, trainer)
        curves = accuracies(rollouts, sizes_up_to(self.n), cast(PolicyModule, pl_module).marker.grader)
        metrics = {"single": curves["pass"][1]}
        if self.split == "test":
            metrics["greedy"] = float(trainer.callback_metrics["test/accuracy"])
        metrics |= {f"{way}/N={size}": value for way, curve in curves.items() for size, value in curve.items()}
        if scores(rollouts) is not None:
            metrics |= reranking(rollouts, self.k, data.source.judge_steps)
        # The ranks' mean is what each of them has; without it, Lightning would warn.
        pl_module.log_dict({f"test/{name}": value for name, value in metrics.items()}, sync_dist=True)
        title = f"{len(rollouts)} {self.split} problems, {self.n} responses each at T = {sampling.temperature:g}"
        self._report = report(title, metrics, self.k)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Prints, below Lightning's own long list."""
        if self._report and trainer.is_global_zero:
            print(self._report, flush=True)
        self._report = ""
        if self._scoring:
            self._scoring.scorer.close()

    def _sampling(self, data: SelfEvolvingDataModule) -> SamplingParams:
        temperature = data.sampling.temperature if self.temperature is None else self.temperature
        sampling: SamplingParams = data.seeded(f"verify {self.split}")
        return replace(sampling, n=self.n, temperature=temperature)

    def _data(self, trainer: Trainer) -> SelfEvolvingDataModule:
        data = getattr(trainer, "datamodule", None)
        if not isinstance(data, SelfEvolvingDataModule):
            raise ValueError(f"PRMVerifier needs a SelfEvolvingDataModule to sample; data is {type(data).__name__}.")
        return data


def report(title: str, metrics: Mapping[str, float], k: int) -> str:
    """The metrics as lines for a terminal, 80 columns wide where N goes to 64."""
    sizes = [int(name.partition("=")[2]) for name in metrics if name.startswith("majority/")]
    lines = [f"\n{title}; accuracy", f"  {'N':<18}" + "".join(f"{size:>8}" for size in sizes)]
    for way, name in _NAMES.items():
        cells = [metrics.get(f"{way}/N={size}", metrics.get(way) if size == 1 else None) for size in sizes]
        if cells[0] is not None:
            lines.append(f"  {name:<18}" + "".join("" if x is None else f"{x:>8.1%}" for x in cells))
    if "compared" in metrics:
        lines += _comparison(metrics, k)
    return "\n".join(lines)


def _comparison(metrics: Mapping[str, float], k: int) -> list[str]:
    known = [name for name in ("steps", "tokens", "faithful", "distinct") if f"rest/{name}" in metrics]
    lines = [f"\n{metrics['compared']:.0f} problems with more than {k} different correct responses"]
    lines += [f"  {'':<18}" + "".join(f"{name:>10}" for name in known)] if known else []
    for group, name in ((f"top{k}", f"top {k} by score"), ("rest", "the others")) if known else ():
        lines.append(f"  {name:<18}" + "".join(f"{metrics[f'{group}/{column}']:>10.2f}" for column in known))
    return lines
