"""A run on disk as the stages of a recipe leave it, made without a model: what is in it is known."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml

from lit_mstar import Iteration, Problem, Response, Rollout
from lit_mstar.data import DigitsSource
from lit_mstar.rollouts.ledger import Ledger
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.rollouts.parquet import to_table

SOURCE = {"class_path": "lit_mstar.data.DigitsSource", "init_args": {"train": 24, "validate": 10, "test": 20}}
GRID = (0.5, 1.0, 1.5)


def source() -> DigitsSource:
    return DigitsSource(**SOURCE["init_args"])  # type: ignore[arg-type]


def response(problem: Problem, right: bool, score: float | None = 0.5, **more: Any) -> Response:
    """A chain of two steps and an answer."""
    answer = str(problem.answer if right else int(problem.answer or 0) + 40)
    steps = ["Step 1: Both digits are read.", f"Step 2: Their sum is {answer}."]
    scores = [] if score is None else [score, min(1.0, score + 0.25)]
    return Response(
        text="\n".join([*steps, f"Answer: {answer}"]),
        token_ids=[*range(10 + len(answer))],
        steps=steps,
        answer=answer,
        correct=right,
        rule="same text" if right else "different numbers",
        step_scores=scores,
        score=score,
        **more,
    )


def rollout(
    problem: Problem, rights: Sequence[bool], scores: Sequence[float | None], selected: Sequence[int] = ()
) -> Rollout:
    rows = [response(problem, right, score) for right, score in zip(rights, scores, strict=True)]
    return Rollout(problem=problem, responses=rows, selected=[*selected])


def sampled(problems: Sequence[Problem], index: int, n: int, seed: int) -> list[Rollout]:
    """Responses that become better by iteration; the best two of the right ones are kept."""
    random = np.random.default_rng([seed, index])
    found = []
    for problem in problems:
        rights = [bool(random.random() < 0.3 + 0.5 * index) for _ in range(n)]
        scores = [float(random.uniform(0.4, 1) if right else random.uniform(0, 0.7)) for right in rights]
        best = sorted((i for i in range(n) if rights[i]), key=lambda i: -scores[i])[:2]
        found.append(rollout(problem, rights, scores, best))
    return found


def write_iteration(stage: Path, index: int, rollouts: list[Rollout], whole: bool = True, **metrics: float) -> None:
    n = len(rollouts[0].responses)
    sampling = SamplingParams(n=n, temperature=1.0, seed=index)
    iteration = Iteration(index=index, problems=[r.problem for r in rollouts], sampling=sampling, metrics=metrics)
    ledger = Ledger(stage / "rollouts")
    ledger.begin(iteration, f"print {index}", weights=f"weights-{index}")
    ledger.fill(iteration, rollouts)
    if whole:
        iteration.rollouts = rollouts
        ledger.reward(iteration)


def write_tests(stage: Path, rights: Sequence[bool], problems: Sequence[Problem] | None = None) -> None:
    problems = source().problems("test") if problems is None else problems
    rollouts = [rollout(problem, [right], [None]) for problem, right in zip(problems, rights, strict=True)]
    stage.mkdir(parents=True, exist_ok=True)
    pq.write_table(to_table(rollouts), stage / "tested.parquet")


def write_stage(stage: Path, seconds: float, described: dict[str, Any] | None = None, **results: Any) -> None:
    stage.mkdir(parents=True, exist_ok=True)
    config = {
        "trainer": {"default_root_dir": str(stage)},
        "model": {"class_path": "lit_mstar.PolicyModule", "init_args": {"optimizer": {"init_args": {"lr": 0.001}}}},
        "data": {"class_path": "lit_mstar.data.SelfEvolvingDataModule", "init_args": {"source": described or SOURCE}},
    }
    (stage / "config.yaml").write_text(yaml.safe_dump(config))
    (stage / "summary.json").write_text(json.dumps({"seconds": seconds, "device": "1 CPU process", **results}))


def search_metrics(before: float, after: float) -> dict[str, float]:
    worth = {f"balance/reward_pass_at_2/T={t:g}": 0.9 - abs(t - after) / 2 for t in GRID}
    errors = {f"balance/standard_error/T={t:g}": 0.02 for t in GRID}
    return {**worth, **errors, "balance/close": 1.0, "temperature": before, "next_temperature": after}


def write_run(folder: Path, seed: int = 0, before: int = 8, after: int = 15, n: int = 4) -> Path:
    """A finished run of three stages and two iterations; of 20 test problems so many are right before and after."""
    problems = source().problems("train")
    write_stage(folder / "1-warmup", 10.0, test_accuracy=before / 20, test_problems=20)
    write_tests(folder / "1-warmup", [i < before for i in range(20)])
    write_stage(folder / "3-prm", 20.0, step_auroc=0.75, step_ece=0.125)
    write_stage(folder / "4-evolve", 30.0, test_accuracy=after / 20, test_problems=20)
    write_tests(folder / "4-evolve", [i >= 20 - after for i in range(20)])
    for index in (0, 1):
        measured = {"greedy_accuracy": 0.4 + 0.3 * index, "pass_at_k": 0.8, "reward_pass_at_2": 0.5 + 0.1 * index}
        more = search_metrics(1.0, 0.5) if index else {"temperature": 1.0}
        found = sampled(problems, index, n, seed)
        write_iteration(folder / "4-evolve", index, found, **measured, **more, faithful_kept=0.9, distinct=0.5)
    (folder / "run.json").write_text(json.dumps({"recipe": "tiny", "seed": seed}))
    (folder / "summary.json").write_text('{"recipe": "tiny"}')
    return folder


def data_of(html: str) -> Any:
    """What a page's browser of problems gets."""
    packed = re.search(r'<script type="text/plain" id="data">([^<]*)</script>', html)
    assert packed
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))
