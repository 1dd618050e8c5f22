"""`lit-mstar scorer`: check a scorer against numbers that are known, or compare scorers on a run's responses."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers.utils.logging import disable_progress_bar

from lit_mstar.commands.regrade import configured
from lit_mstar.evaluation.scorer_comparison import compare_scorers, with_scores
from lit_mstar.files import atomic
from lit_mstar.front.definitions import search_here
from lit_mstar.front.parsers import parser_of
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.rollouts.images import image_inside
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import Iteration, Problem, Response, Rollout, SamplingParams
from lit_mstar.scorers.base import StepScorer, require_scores
from lit_mstar.terminal.output import filtered_output


def main(args: list[str]) -> None:
    """Parses the command line of `lit-mstar scorer`."""
    options = parser_of("scorer").parse_args(args)
    search_here()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    with filtered_output("normal"):
        if options.what == "check":
            _check(options)
        else:
            _compare(options)


def _check(options: Namespace) -> None:
    """Prints the differences from a fixture's scores; fails where one is larger than allowed."""
    if len(options.names) != 2:
        sys.exit(
            "scorer check takes a scorer and a file of known scores: lit-mstar scorer check SCORER.yaml FIXTURE.jsonl"
        )
    scorer, file = _placed(options.names[0], options.device), Path(options.names[1])
    rows = read_fixture(file)
    scores = require_scores(scorer, [rollout for rollout, _ in rows])
    worst = 0.0
    for number, ((_, known), found) in enumerate(zip(rows, scores, strict=True), start=1):
        gaps = [abs(a - b) for a, b in zip(known, found[0], strict=True)]
        worst = max(worst, *gaps)
        shown = "  ".join(f"{a:.4f} / {b:.4f}" for a, b in zip(known, found[0], strict=True))
        print(f"{file}, row {number}: known / found {shown}")
    scorer.close()
    if worst > options.tolerance:
        sys.exit(f"The largest difference is {worst:.2g}, more than {options.tolerance:g}: this is read otherwise.")
    print(f"The largest difference is {worst:.2g}.")


def read_fixture(file: Path) -> list[tuple[Rollout, list[float]]]:
    """Chains with the scores that a model's own code gives them: a line of JSON for each.

    `question`, `choices`, `images` (paths beside the file), `steps`, `scores`.

    Raises:
        ValueError: If a row is something else.
    """
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            images = tuple(image_inside(file.parent, name, "the fixture's folder") for name in row.get("images", []))
            problem = Problem(
                id=str(number), question=row["question"], images=images, choices=tuple(row.get("choices", []))
            )
            steps, scores = list(row["steps"]), [float(score) for score in row["scores"]]
            if not steps or len(steps) != len(scores):
                raise ValueError(f"{len(steps)} steps and {len(scores)} scores")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{file}, row {number} cannot be used: {type(error).__name__} {error}.") from error
        found.append((Rollout(problem=problem, responses=[Response(text="", steps=steps)]), scores))
    if not found:
        raise ValueError(f"{file} has no rows.")
    return found


def _compare(options: Namespace) -> None:
    """Scores a run's responses by each scorer, and prints what each would have made of them."""
    if len(options.names) < 2:
        sys.exit("scorer compare takes a run and scorers: lit-mstar scorer compare RUN ONE.yaml runs/other/3-prm")
    stage, *names = (Path(name) for name in options.names)
    stage = stage if (stage / "rollouts").is_dir() else next(iter(sorted(stage.glob("*/rollouts"))), stage / "x").parent
    if not (stage / "config.yaml").is_file():
        sys.exit(f"{options.names[0]} has no rollouts with a config.yaml; name a run that has sampled.")
    rollouts, judge = _sampled(stage, options.iteration, options.problems)
    scored: dict[str, Sequence[Rollout]] = {}
    if all(response.score is not None for rollout in rollouts for response in rollout.responses):
        scored["as recorded"] = rollouts
    for name in names:
        scorer = _placed(str(name), options.device)
        scored[str(name)] = with_scores(rollouts, require_scores(scorer, rollouts), scorer.aggregation)
        if said := scorer.said():
            print(said, file=sys.stderr)
        scorer.close()
    found = compare_scorers(scored, judge)
    print(f"{len(rollouts)} problems of {stage}, {len(rollouts[0].responses)} responses each; nothing was sampled.\n")
    print(_table(found))
    if options.json:
        with atomic(options.json) as partial:
            partial.write_text(json.dumps(found, indent=1))


def _sampled(stage: Path, index: int | None, most: int) -> tuple[list[Rollout], Any]:
    """Marked responses of one iteration, the last by default, and who can tell which steps are true."""
    ledger = Ledger(stage / "rollouts")
    headers = {header["index"]: header for header in ledger.headers() if "index" in header}
    if not headers or (index is not None and index not in headers):
        sys.exit(f"{stage} has the iterations {sorted(headers)}; name one of them by --iteration.")
    index = max(headers) if index is None else index
    problems, _, marker, judge = configured(stage / "config.yaml")
    asked = headers[index]["sampling"] | {"stop": tuple(headers[index]["sampling"]["stop"])}
    iteration = Iteration(index=index, problems=list(problems.values()), sampling=SamplingParams(**asked))
    first = headers[index].get("waves", {}).get("first")  # later responses depend on how these went
    found = [replace(rollout, responses=rollout.responses[:first]) for rollout in ledger.read(iteration)[:most]]
    return [marker.mark(rollout) for rollout in found], judge


def _placed(name: str, device: str | None) -> StepScorer:
    scorer = scorer_of(name)
    scorer.place(torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")))
    return scorer


def _table(found: dict[str, Any]) -> str:
    lines = [
        "| scorer | best of N, % | top 2 true, % | step AUROC | agrees with the first |",
        "| --- | --- | --- | --: | --: |",
    ]
    for name, figures in found.items():
        cells = [_cell(figures.get(what)) for what in ("best_of_n", "faithful")]
        cells += ["" if figures[what] is None else f"{figures[what]:.3f}" for what in ("step_auroc", "agrees")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return ""
    said = f"{100 * figure['value']:.1f}"
    if gap := figure.get("difference"):
        said += f" ({100 * gap['value']:+.1f}, 95%: {100 * gap['low']:+.1f} to {100 * gap['high']:+.1f})"
    return said
