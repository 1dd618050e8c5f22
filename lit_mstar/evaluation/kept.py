"""What a model answered, as it lies on disk: scored as often as anyone likes, without the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lit_mstar.evaluation.graded import Graded, graded
from lit_mstar.evaluation.results import benchmark_results, write_graded, write_results
from lit_mstar.evaluation.scoring import Scoring
from lit_mstar.evaluation.tables import markdown
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import Iteration, Problem, SamplingParams

KINDS = ("greedy", "sampled")  # iterations 0 and 1 of a benchmark's ledger


def ledger_of(home: Path, scoring: Scoring) -> Ledger:
    """Where a model's responses to a benchmark are kept."""
    return Ledger(home / scoring.folder / "responses")


def score_kept(
    home: Path,
    benchmarks: Sequence[Scoring],
    problems: Callable[[Scoring], list[Problem]],
    reasoning: ReasoningFormat,
    write: bool = True,
) -> str:
    """Marks what is kept and writes `graded.parquet`, `results.json` and `results.md`.

    Args:
        home: The folder of a model's results.
        benchmarks: Those that were asked; one without responses is left out.
        problems: Gives a benchmark's problems, with today's references.
        reasoning: How responses are written.
        write: Otherwise the tables are only returned.

    Returns:
        The tables, as Markdown.

    Raises:
        ValueError: If there are no responses at all.
    """
    results = []
    for scoring in benchmarks:
        asked = problems(scoring)
        kinds = dict(_kinds(home, scoring, asked, reasoning))
        if "greedy" not in kinds:
            continue
        if write:
            write_graded(home / scoring.folder / "graded.parquet", kinds)
        results.append(benchmark_results(scoring, kinds, len(asked)))
    if not results:
        names = ", ".join(scoring.name for scoring in benchmarks)
        raise ValueError(f"{home} has no responses to {names}; test a model.")
    text = markdown(home.name, results)
    if write:
        write_results(home, home.name, results, text)
    return text


def _kinds(
    home: Path, scoring: Scoring, problems: list[Problem], reasoning: ReasoningFormat
) -> Iterator[tuple[str, list[Graded]]]:
    ledger = ledger_of(home, scoring)
    for index, kind in enumerate(KINDS):
        if not (header := ledger.header(index)):
            continue
        asked = header["sampling"] | {"stop": tuple(header["sampling"]["stop"])}
        iteration = Iteration(index=index, problems=problems, sampling=SamplingParams(**asked), split="validate")
        if rollouts := ledger.read(iteration):
            yield kind, graded(rollouts, scoring, reasoning)
