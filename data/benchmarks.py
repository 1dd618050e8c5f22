"""Benchmarks: asked once, kept, and scored from what is kept as often as anyone likes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning.pytorch import LightningDataModule

from lit_mstar.data.base import ProblemDataModule
from lit_mstar.data.fingerprint import sampling_fingerprint
from lit_mstar.data.rank_sampling import RankSampling
from lit_mstar.data.sources.source import ProblemSource
from lit_mstar.evaluation.graded import graded
from lit_mstar.evaluation.results import benchmark_results, write_graded, write_results
from lit_mstar.evaluation.scoring import Scoring
from lit_mstar.evaluation.tables import markdown
from lit_mstar.hooks import call_hook
from lit_mstar.modules.benchmark import BenchmarkModule
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import Iteration, Problem, SamplingParams

_KINDS = ("greedy", "sampled")  # iterations 0 and 1 of a benchmark's ledger


@dataclass(frozen=True, kw_only=True)
class Benchmark(Scoring):
    """A benchmark: what is asked, and how it is scored.

    Args:
        source: Whose "test" problems are asked.
    """

    source: ProblemSource


class _OneByOne:
    """A loader that gives each benchmark as a batch; Lightning would take a list for several loaders."""

    def __init__(self, benchmarks: Sequence[Benchmark]) -> None:
        self.benchmarks = benchmarks

    def __iter__(self) -> Iterator[Benchmark]:
        return iter(self.benchmarks)

    def __len__(self) -> int:
        return len(self.benchmarks)


class BenchmarkDataModule(LightningDataModule):
    """Asks benchmarks and scores the answers: `lit-mstar test --config configs/benchmarks/all.yaml --ckpt_path MODEL`.

    Every response is kept in `<folder>/<name>/<benchmark>/responses`. A test that was killed goes on from there, one
    that is complete only scores anew, and another model's responses are moved aside, never lost.

    Args:
        benchmarks: What is asked.
        samples: How several responses are drawn beside the greedy one, for pass@k, majority and, with a `PRMFilter`
            among the callbacks, best-of-N; None draws none.
        folder: Where results go.
        name: The model's name in them; by default that of its folder.
        reasoning: How responses are written, for whoever scores them.
        eval_batch_size: Problems that the checks read at a time.
        check_images: As for `ProblemDataModule`.
        stall_timeout: Seconds without a finished problem after which the sampler counts as stuck (ours).

    Raises:
        ValueError: If there are no benchmarks, or two have one name.
    """

    trainer: Any  # attached by Lightning before any hook runs

    def __init__(
        self,
        benchmarks: Sequence[Benchmark],
        samples: SamplingParams | None = None,
        folder: Path = Path("results"),
        name: str | None = None,
        reasoning: ReasoningFormat = ReasoningFormat(),
        eval_batch_size: int = 256,
        check_images: bool = True,
        stall_timeout: float = 3600.0,
    ) -> None:
        super().__init__()
        names = [benchmark.name for benchmark in benchmarks]
        if not names or len({benchmark.folder for benchmark in benchmarks}) < len(names):
            raise ValueError(f"BenchmarkDataModule.benchmarks are {names}; give at least one, each a name of its own.")
        self.benchmarks = list(benchmarks)
        self.samples = samples
        self.folder = Path(folder)
        self.name = name
        self.reasoning = reasoning
        self._ranks = RankSampling(stall_timeout)
        self._read = [
            ProblemDataModule(benchmark.source, eval_batch_size=eval_batch_size, check_images=check_images)
            for benchmark in self.benchmarks
        ]

    def setup(self, stage: str) -> None:
        """Reads and checks all problems before the model is loaded.

        Raises:
            ValueError: If a benchmark's files are not there, or it has no problems.
        """
        for data in self._read:
            data.trainer = self.trainer
            data.require("test", answered=True)

    def test_dataloader(self) -> Any:
        """The benchmarks themselves, one after the other; all ranks get all, and divide the problems of each."""
        return _OneByOne(self.benchmarks)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """A benchmark stays where it is."""
        return batch

    @property
    def home(self) -> Path:
        """The folder of the model's results."""
        return self.folder / (self.name or model_name(self._policy))

    def answer(self, benchmark: Benchmark) -> None:
        """Asks what is not answered yet: greedily, and several times if so wished; all ranks call it."""
        problems = self._problems(benchmark)
        for index, sampling in enumerate(self._drawn()):
            iteration = Iteration(index=index, problems=problems, sampling=sampling, split="validate")
            ledger, policy = self._ledger(benchmark), self._policy
            print_ = sampling_fingerprint(iteration, policy.said, policy.fingerprint(), None)
            self._on_rank_zero(lambda i=iteration, f=print_: ledger.begin(i, f))  # type: ignore[misc]
            known = ledger.sampled(index)
            missing = [problem for problem in problems if problem.id not in known]
            self.trainer.strategy.barrier()
            if missing:
                what = f"{benchmark.name}: {_KINDS[index]}"
                ledger.fill(iteration, self._ranks.sample(self.trainer, missing, sampling, what))
                self.trainer.strategy.barrier()
            if index and not ledger.is_rewarded(index):
                iteration.rollouts = ledger.read(iteration)
                call_hook(self.trainer, "on_rollouts_sampled", iteration)
                self._on_rank_zero(lambda i=iteration: ledger.reward(i))  # type: ignore[misc]

    def score(self, home: Path, write: bool = True) -> str:
        """Marks what is kept and writes `results.json` and `results.md`; no model is needed.

        Args:
            home: The folder of a model's results.
            write: Otherwise the tables are only returned.

        Returns:
            The tables, as Markdown.

        Raises:
            ValueError: If nothing is kept there.
        """
        results = []
        for benchmark in self.benchmarks:
            kinds = dict(self._graded(home, benchmark))
            if "greedy" not in kinds:
                continue
            if write:
                write_graded(home / benchmark.folder / "graded.parquet", kinds)
            results.append(benchmark_results(benchmark, kinds))
        if not results:
            raise ValueError(f"{home} has no responses to {', '.join(b.name for b in self.benchmarks)}; test a model.")
        text = markdown(home.name, results)
        if write:
            write_results(home, home.name, results, text)
        return text

    def _graded(self, home: Path, benchmark: Benchmark) -> Iterator[tuple[str, Any]]:
        ledger = Ledger(home / benchmark.folder / "responses")
        problems = self._problems(benchmark)
        for index, kind in enumerate(_KINDS):
            header = ledger.header(index)
            if not header:
                continue
            sampling = SamplingParams(**header["sampling"] | {"stop": tuple(header["sampling"]["stop"])})
            iteration = Iteration(index=index, problems=problems, sampling=sampling, split="validate")
            if rollouts := ledger.read(iteration):
                yield kind, graded(rollouts, benchmark, self.reasoning)

    def _problems(self, benchmark: Benchmark) -> list[Problem]:
        return self._read[self.benchmarks.index(benchmark)].answered("test")

    def _drawn(self) -> list[SamplingParams]:
        """How responses are drawn: greedily, and as `samples` say, with a seed of the run's own."""
        greedy = self._policy.evaluation
        return [greedy, *([replace(self.samples, stop=self.samples.stop or greedy.stop)] if self.samples else [])]

    def _ledger(self, benchmark: Benchmark) -> Ledger:
        return Ledger(self.home / benchmark.folder / "responses")

    @property
    def _policy(self) -> BenchmarkModule:
        return cast(BenchmarkModule, self.trainer.lightning_module)

    def _on_rank_zero(self, action: Any) -> None:
        self.trainer.strategy.barrier()
        if self.trainer.is_global_zero:
            action()
        self.trainer.strategy.barrier()


def model_name(policy: BenchmarkModule) -> str:
    """What a model's results are called: "quickstart-4-evolve" for `runs/quickstart/4-evolve/model`."""
    if policy.backbone is None:
        return str(getattr(policy.sampler, "model", None) or "server").replace("/", "--")
    parts = Path(policy.backbone.path).resolve().parts if Path(policy.backbone.path).exists() else ()
    if parts and parts[-1] == "model":
        return "-".join(parts[-3:-1])
    return parts[-1] if parts else policy.backbone.path.replace("/", "--")
