"""Benchmarks of step verdicts: chains with people's judgements, scored once, kept, and counted as their authors do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import rank_zero_warn

from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.evaluation.step_figures import ScoredChain
from lit_mstar.evaluation.step_tables import markdown, results
from lit_mstar.files import atomic
from lit_mstar.modules.scorer_module import ScorerModule
from lit_mstar.rollouts.identity import digest
from lit_mstar.rollouts.nouns import Response, Rollout
from lit_mstar.scorers.base import StepScorer, require_scores
from lit_mstar.step_labels.formats.reading import Reading, step_files

_FINGERPRINT = b"fingerprint"
_SCHEMA = pa.schema({"id": pa.string(), "scores": pa.list_(pa.float64())})


@dataclass(frozen=True, kw_only=True)
class StepBenchmark:
    """A benchmark of step verdicts.

    Args:
        name: As tables call it.
        path: A file or a folder: VisualProcessBench, ProcessBench, or any format of labelled steps.
        image_root: The folder that its images may come from; the file's own by default.
        figure: "macro_f1" over all steps (VisualProcessBench), or "first_error" (ProcessBench).
        groups: Tags by which results are shown, too.
        threshold: The least score of a step that counts as right; None takes the scorer's, which validation chose.
        most_bad: The largest share of rows that may be unusable (ours); how many are, is said.
    """

    name: str
    path: str
    image_root: Path | None = None
    figure: Literal["macro_f1", "first_error"] = "macro_f1"
    groups: tuple[str, ...] = ()
    threshold: float | None = None
    most_bad: float = 0.1

    @property
    def folder(self) -> str:
        """Where its scores are kept."""
        return "".join(c if c.isalnum() or c in "-_" else "-" for c in self.name.lower())


@dataclass(frozen=True)
class Part:
    """Some chains of a benchmark that are scored and kept together."""

    benchmark: StepBenchmark
    number: int
    examples: list[StepExample]


class StepBenchmarkDataModule(LightningDataModule):
    """Has a scorer score benchmarks of steps; what is scored is kept, and a test that was killed goes on from there.

    Args:
        benchmarks: What is scored.
        folder: Where results go.
        name: The scorer's name in them; by default that of its folder or file.
        chains: How many are scored and kept together (ours).

    Raises:
        ValueError: If there are no benchmarks, or two have one name.
    """

    trainer: Any  # attached by Lightning before any hook runs

    def __init__(
        self,
        benchmarks: Sequence[StepBenchmark],
        folder: Path = Path("results"),
        name: str | None = None,
        chains: int = 64,
    ) -> None:
        super().__init__()
        names = [benchmark.folder for benchmark in benchmarks]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"StepBenchmarkDataModule.benchmarks are {names}; give at least one, each its own name.")
        self.benchmarks = list(benchmarks)
        self.folder = Path(folder)
        self.name = name
        self.chains = chains
        self._examples: dict[str, list[StepExample]] = {}
        self.parts: list[Part] = []

    def setup(self, stage: str) -> None:
        """Reads all rows before anything is scored.

        Raises:
            ValueError: If a benchmark has no usable rows, or too many that are not.
        """
        for benchmark in self.benchmarks:
            self._examples[benchmark.folder] = _read(benchmark)
        self.parts = [
            Part(benchmark, number, self._examples[benchmark.folder][start : start + self.chains])
            for benchmark in self.benchmarks
            for number, start in enumerate(range(0, len(self._examples[benchmark.folder]), self.chains))
        ]

    def test_dataloader(self) -> Any:
        """The numbers of the benchmarks' parts, one after the other."""
        return range(len(self.parts))  # Lightning would look into the parts themselves

    @property
    def home(self) -> Path:
        """The folder of the scorer's results."""
        return self.folder / (self.name or _name(self._module.given))

    def score_part(self, part: Part, scorer: StepScorer) -> None:
        """Scores the chains of a part, unless an earlier test did.

        Raises:
            ValueError: If what is kept there was scored by another scorer, or from other rows.
        """
        file = self._file(part.benchmark, part.number)
        chains = [(example.problem.id, example.steps) for example in part.examples]
        fingerprint = digest((chains, self._settings)).encode()
        if file.exists():
            if (pq.read_schema(file).metadata or {}).get(_FINGERPRINT) != fingerprint:
                raise ValueError(
                    f"{file} was scored by another scorer, or from other rows; remove {file.parent}, or set data.name."
                )
            return
        scorer.place(self._module.device)
        scores = _scores(part.examples, scorer)
        rows = [{"id": e.problem.id, "scores": row} for e, row in zip(part.examples, scores, strict=True)]
        with atomic(file) as partial:
            pq.write_table(pa.Table.from_pylist(rows, _SCHEMA.with_metadata({_FINGERPRINT: fingerprint})), partial)
        if said := scorer.said():
            rank_zero_warn(said)

    def score(self, home: Path, write: bool = True) -> str:
        """Counts what is kept, and writes `results.json` and `results.md`.

        Args:
            home: The folder of a scorer's results.
            write: Otherwise the tables are only returned.

        Returns:
            The tables, as Markdown.
        """
        found = []
        for benchmark in self.benchmarks:
            threshold = self._module.scorer.threshold if benchmark.threshold is None else benchmark.threshold
            chains = self._scored(benchmark)
            found.append(results(benchmark.name, benchmark.figure, chains, threshold, benchmark.groups))
        text = markdown(home.name, found)
        for name, content in (("results.json", json.dumps(found, indent=1)), ("results.md", text)) if write else ():
            with atomic(home / name) as partial:
                partial.write_text(content + "\n", encoding="utf-8")
        return text

    def _scored(self, benchmark: StepBenchmark) -> list[ScoredChain]:
        examples = self._examples[benchmark.folder]
        parts = range(-(-len(examples) // self.chains))
        rows = [row for number in parts for row in pq.read_table(self._file(benchmark, number)).to_pylist()]
        return [
            ScoredChain(e.problem.id, dict(e.problem.tags), tuple(row["scores"]), tuple(e.labels))
            for e, row in zip(examples, rows, strict=True)
        ]

    def _file(self, benchmark: StepBenchmark, number: int) -> Path:
        return self.home / benchmark.folder / "scores" / f"part-{number:05d}.parquet"

    @cached_property
    def _settings(self) -> str:
        """The scorer's, asked for once: of a PRM, all weights are looked at."""
        return self._module.scorer.settings()

    @property
    def _module(self) -> ScorerModule:
        return cast(ScorerModule, self.trainer.lightning_module)


def _scores(examples: Sequence[StepExample], scorer: StepScorer) -> list[list[float]]:
    """The scores of chains; those about one problem go together, so that its prompt and images are encoded once."""
    rollouts: dict[str, Rollout] = {}
    for example in examples:
        rollout = rollouts.setdefault(example.problem.id, Rollout(problem=example.problem, responses=[]))
        rollout.responses.append(Response(text="", steps=example.steps))
    found = require_scores(scorer, list(rollouts.values()))
    of_problem = {problem: iter(scores) for problem, scores in zip(rollouts, found, strict=True)}
    return [next(of_problem[example.problem.id]) for example in examples]


def _read(benchmark: StepBenchmark) -> list[StepExample]:
    files = step_files(Path(benchmark.path))
    if not files:
        raise ValueError(f"{benchmark.path} is not there, or has no .jsonl, .json or .parquet; correct its path.")
    reading = Reading(benchmark.image_root)
    examples = [example for file in files for _, example in reading.examples(file)]
    reading.require_usable(benchmark.name, benchmark.most_bad)
    if not examples:
        raise ValueError(f"{benchmark.path} has no rows.")
    return examples


def _name(given: Any) -> str:
    """What a scorer's results are called: "quickstart-3-prm" for `runs/quickstart/3-prm`."""
    if not isinstance(given, str):
        return type(given).__name__
    parts = [part for part in Path(given).parts if part not in ("model", "/")]
    return "-".join(parts[-2:]) if Path(given).is_dir() else Path(given).stem
