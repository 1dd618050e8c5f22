"""What was answered to the test problems is kept, whoever tested them, and however many ranks they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lit_mstar.data import DigitsSource, ProblemDataModule
from lit_mstar.modules.tested import TESTED
from lit_mstar.rollouts.nouns import Problem, SamplingParams
from lit_mstar.rollouts.parquet import read_table
from support.scripted import ScriptedSampler, make_policy, make_trainer, right


def odd_right(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return right(problem) if int(problem.answer or 0) % 2 else "Answer: 1000"


def test_every_test_problem_is_there_with_its_verdict(tmp_path: Path) -> None:
    digits = DigitsSource(seed=0, train=4, validate=4, test=10)
    trainer: Any = make_trainer(tmp_path)
    policy = make_policy(ScriptedSampler(odd_right))
    (metrics,) = trainer.test(policy, datamodule=ProblemDataModule(digits, eval_batch_size=3), verbose=False)
    rows = read_table(tmp_path / TESTED).to_pylist()
    expected = {p.id: int(p.answer or 0) % 2 == 1 for p in digits.problems("test")}
    assert {row["problem_id"]: row["correct"] for row in rows} == expected
    assert metrics["test/accuracy"] == sum(expected.values()) / len(expected)
    trainer.test(policy, datamodule=ProblemDataModule(digits, eval_batch_size=3), verbose=False)
    assert len(read_table(tmp_path / TESTED)) == 10  # replaced, not added to


def test_validation_leaves_nothing(tmp_path: Path) -> None:
    digits = DigitsSource(seed=0, train=4, validate=4, test=4)
    policy = make_policy(ScriptedSampler(odd_right))
    make_trainer(tmp_path).validate(policy, datamodule=ProblemDataModule(digits), verbose=False)
    assert not (tmp_path / TESTED).exists()
