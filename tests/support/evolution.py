"""A self-evolving fit in a folder, with a scripted sampler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from lit_mstar import EvolutionCallback, Iteration
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import ListSource, ScriptedSampler, make_evolver, make_policy, sums


class Scoring(EvolutionCallback):
    """Scores by a rule (problem, response) -> float, in place of a PRM."""

    def __init__(self, rule: Any) -> None:
        self.rule = rule

    def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        for rollout in iteration.rollouts:
            for response in rollout.responses:
                response.score = self.rule(rollout.problem, response)


class Evolution:
    """Runs a self-evolving fit in a folder and keeps what came of it."""

    scoring = Scoring

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "rollouts")

    def __call__(self, rule: Any, callbacks: list[Callback], **options: Any) -> Any:
        source = options.pop("source", None) or ListSource(train=sums(8), validate=sums(4, "v"))
        n, interval = options.pop("n", 4), options.pop("interval", 0.5)
        checkpoint, temperature = options.pop("checkpoint", None), options.pop("temperature", 1.0)
        self.sampler = rule if isinstance(rule, ScriptedSampler) else ScriptedSampler(rule)
        self.policy = make_policy(self.sampler)
        self.data = SelfEvolvingDataModule(source, SamplingParams(n=n, temperature=temperature, max_tokens=8), interval)
        self.trainer = make_evolver(self.folder, callbacks=callbacks, num_sanity_val_steps=0, **options)
        weights_only = True if checkpoint else None
        self.trainer.fit(self.policy, datamodule=self.data, ckpt_path=checkpoint, weights_only=weights_only)
        return self.trainer

    def metrics(self, index: int) -> dict[str, float]:
        """What the ledger says was measured."""
        return dict(self.ledger.header(index)["metrics"])
