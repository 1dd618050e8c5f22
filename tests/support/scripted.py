"""Samplers, sources and trainers whose behaviour is known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer

from lit_mstar import PolicyModule, Problem, ProcessRewardModule, Response, Rollout
from lit_mstar.data import ProblemSource, Split
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Sampler
from support.helpers import make_tiny_backbone

Rule = Callable[[Problem, int, SamplingParams], str]


class Killed(Exception):
    """What stands for the end of a process."""


class ScriptedSampler(Sampler):
    """Says what a rule says, and notes each call and each problem that it finished.

    `kill_after`: the number of problems after which it raises `Killed`.
    """

    def __init__(self, rule: Rule, kill_after: int | None = None) -> None:
        self.rule = rule
        self.kill_after = kill_after
        self.calls: list[tuple[list[str], SamplingParams]] = []
        self.finished: list[str] = []

    def load_policy(self, policy: Any) -> None:
        self.encoder = policy.encoder

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        self.calls.append(([problem.id for problem in problems], sampling))
        for position in reversed(range(len(problems))):  # the order is the sampler's business
            if len(self.finished) == self.kill_after:
                raise Killed
            problem = problems[position]
            texts = [self.rule(problem, index, sampling) for index in range(sampling.n)]
            responses = [
                Response(text=text, token_ids=self.encoder.response_ids(text), temperature=sampling.temperature)
                for text in texts
            ]
            self.finished.append(problem.id)
            yield position, Rollout(problem=problem, responses=responses)


class ListSource(ProblemSource):
    """The given problems."""

    def __init__(self, **splits: list[Problem]) -> None:
        self.splits = splits

    def problems(self, split: Split) -> list[Problem]:
        return self.splits.get(split, [])


def sums(count: int, prefix: str = "p") -> list[Problem]:
    """Problems without images: i + i."""
    return [Problem(id=f"{prefix}{i}", question=f"{i} + {i}?", answer=str(2 * i)) for i in range(count)]


def right(problem: Problem, index: int = 0) -> str:
    """A correct response, different for each index."""
    return f"Step 1: Take {index}.\nAnswer: {problem.answer}"


def wrong(problem: Problem, index: int = 0) -> str:
    """A wrong response, different for each index."""
    return f"Step 1: Take {index}.\nAnswer: none"


def make_policy(sampler: Sampler | None = None, lr: float = 0.1, **options: Any) -> PolicyModule:
    """A tiny policy with its weights, trained by plain SGD; the same at every call."""
    torch.manual_seed(0)
    options = {"evaluation": SamplingParams(max_tokens=4)} | options
    policy = PolicyModule(
        make_tiny_backbone(), sampler, optimizer=lambda params: torch.optim.SGD(params, lr=lr), **options
    )
    policy.configure_model()
    return policy


def make_prm(folder: Path) -> str:
    """Saves a tiny PRM that nobody trained, whose scores differ; the same at every call. Returns its folder."""
    torch.manual_seed(3)
    prm = ProcessRewardModule(make_tiny_backbone())
    prm.configure_model()
    with torch.no_grad():
        prm.head.weight.mul_(8)  # scores that differ
    prm.save(folder)
    return str(folder)


def make_trainer(folder: Path, **options: Any) -> Trainer:
    """A quiet trainer on the CPU."""
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    defaults = {"max_epochs": 1, "accelerator": "cpu", "devices": 1, "enable_model_summary": False}
    return Trainer(default_root_dir=folder, **(defaults | quiet | options))


def make_evolver(folder: Path, **options: Any) -> Trainer:
    """A quiet trainer that asks for new data each epoch."""
    return make_trainer(folder, **({"reload_dataloaders_every_n_epochs": 1} | options))


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the weights."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def largest_difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """The largest difference between two sets of weights."""
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)
