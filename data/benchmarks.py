"""Benchmarks: asked once, kept, and scored from what is kept as often as anyone likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import LightningDataModule

from lit_mstar.data.base import ProblemDataModule
from lit_mstar.data.fingerprint import sampling_fingerprint
from lit_mstar.data.rank_sampling import RankSampling
from lit_mstar.data.shares import dealt
from lit_mstar.data.sources.source import ProblemSource
from lit_mstar.evaluation.kept import KINDS, ledger_of, score_kept
from lit_mstar.evaluation.scoring import Scoring
from lit_mstar.hooks import call_hook
from lit_mstar.modules.benchmark import BenchmarkModule
from lit_mstar.ranks import on_rank_zero
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.rollouts.nouns import Iteration, Problem, SamplingParams


@dataclass(frozen=True, kw_only=True)
class Benchmark(Scoring):
    """A benchmark: what is asked, and how it is scored.

    Args:
        source: Whose "test" problems are asked.
    """

    source: ProblemSource


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
        self._weights = ""  # a digest of the model's, once it is needed
        self._read = {
            benchmark.name: ProblemDataModule(
                benchmark.source, eval_batch_size=eval_batch_size, check_images=check_images
            )
            for benchmark in self.benchmarks
        }

    def setup(self, stage: str) -> None:
        """Reads and checks all problems before the model is loaded.

        Raises:
            ValueError: If a benchmark's files are not there, or it has no problems.
        """
        for data in self._read.values():
            data.trainer = self.trainer
            data.require("test", answered=True)

    def test_dataloader(self) -> Any:
        """The benchmarks' numbers, one after the other; all ranks get all, and divide the problems of each."""
        return range(len(self.benchmarks))  # Lightning would look into the benchmarks themselves

    @property
    def home(self) -> Path:
        """The folder of the model's results."""
        return self.folder / (self.name or model_name(self._policy))

    def answer(self, benchmark: Benchmark) -> None:
        """Asks what is not answered yet: greedily, and several times if so wished; all ranks call it."""
        for index, sampling in enumerate(self._drawn()):
            problems = self._problems(benchmark)
            self._ask(benchmark, Iteration(index=index, problems=problems, sampling=sampling, split="validate"))

    def _ask(self, benchmark: Benchmark, iteration: Iteration) -> None:
        ledger, index = ledger_of(self.home, benchmark), iteration.index
        self._weights = self._weights or self._policy.fingerprint()
        asked = sampling_fingerprint(iteration, self._policy.said, self._weights, None)
        self._on_rank_zero(lambda: ledger.begin(iteration, asked))
        known = on_rank_zero(lambda: ledger.sampled(index))
        missing = [problem for problem in iteration.problems if problem.id not in known]
        if missing:
            what = f"{benchmark.name}: {KINDS[index]}"
            ledger.fill(iteration, self._ranks.sample(self.trainer, missing, iteration.sampling, what))
            self.trainer.strategy.barrier()
        if KINDS[index] == "sampled" and not on_rank_zero(lambda: ledger.is_rewarded(index)):
            iteration.rollouts = dealt(ledger, iteration)
            call_hook(self.trainer, "on_rollouts_sampled", iteration)
            self._on_rank_zero(lambda: ledger.reward(iteration))

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
        return score_kept(home, self.benchmarks, self._problems, self.reasoning, write)

    def _problems(self, benchmark: Scoring) -> list[Problem]:
        return self._read[benchmark.name].answered("test")

    def _drawn(self) -> list[SamplingParams]:
        """How responses are drawn: greedily, and as `samples` say; both end where the model's `evaluation` says."""
        greedy = self._policy.evaluation
        return [greedy, *([replace(self.samples, stop=self.samples.stop or greedy.stop)] if self.samples else [])]

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
