"""VisualProcessBench and ProcessBench from files to tables; a test that was killed goes on."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import f1_score

from lit_mstar.callbacks import BenchmarkReport
from lit_mstar.data import DigitsSource, StepBenchmark, StepBenchmarkDataModule
from lit_mstar.modules import ScorerModule
from lit_mstar.rollouts.nouns import Rollout
from lit_mstar.scorers import StepScorer
from support.commands import lit_mstar
from support.scripted import Killed, make_prm, make_trainer


class Digits(StepScorer):
    """Scores a step by its last digit, and counts what it is asked."""

    threshold = 0.5

    def __init__(self, kill_after: int = 10**6) -> None:
        self.kill_after = kill_after
        self._asked: list[str] = []

    def score(self, rollouts: list[Rollout]) -> list[list[list[float]]]:
        for rollout in rollouts:
            self._asked.append(rollout.problem.id)
            if len(self._asked) > self.kill_after:
                raise Killed
            assert rollout.problem.answer is None
        return [[[self.of(step) for step in r.steps] for r in x.responses] for x in rollouts]

    @staticmethod
    def of(step: str) -> float:
        return int([c for c in step if c.isdigit()][-1]) / 9

    def settings(self) -> str:
        return "digits"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 rows as they are published, with images, made from digits: a third of the steps is changed."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "images").mkdir()
    rng, rows = random.Random(0), []  # noqa: S311
    for i, problem in enumerate(DigitsSource(seed=200, seed_scans=400).problems("seed")):
        (folder / f"images/{i}.png").write_bytes(problem.images[0])
        steps, verdicts = [], []
        for step in str(problem.reasoning).splitlines()[:-1]:
            verdicts.append(rng.choice([1, 1, 0, -1, 1]) if verdicts else 1)
            steps.append(step[:-2] + str(rng.randrange(10)) + "." if verdicts[-1] == -1 else step)
        response = {"steps": steps, "process_correctness": verdicts}
        row = {"image": [f"images/{i}.png"], "question": problem.question, "answer": problem.answer}
        row |= {"response": response, "policy_model": "m", "data_source": ["MathVerse", "MMMU"][i % 2]}
        rows.append(row)
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def run(folder: Path, scorer: StepScorer, benchmarks: list[StepBenchmark], **options: Any) -> Path:
    data = StepBenchmarkDataModule(benchmarks, folder / "results", **options)
    make_trainer(folder, callbacks=[BenchmarkReport(show=False)]).test(ScorerModule(scorer), data, verbose=False)
    return data.home


def visual(bench: Path) -> StepBenchmark:
    return StepBenchmark(name="Visual", path=str(bench / "test.jsonl"), groups=("data_source",))


def by_hand(bench: Path, source: str | None) -> float:
    truth, said = [], []
    for row in map(json.loads, (bench / "test.jsonl").read_text().splitlines()):
        if source in (None, row["data_source"]):
            for step, verdict in zip(row["response"]["steps"], row["response"]["process_correctness"], strict=True):
                if verdict:
                    truth.append(verdict == 1)
                    said.append(Digits.of(step) >= 0.5)
    return float(f1_score(truth, said, average="macro"))


def test_visualprocessbench_is_counted_as_its_authors_do(bench: Path, tmp_path: Path):
    home = run(tmp_path, Digits(), [visual(bench)])
    (found,) = json.loads((home / "results.json").read_text())
    assert found["overall"]["value"] == pytest.approx(by_hand(bench, None))
    assert found["overall"]["chains"] == 200
    for source, figure in found["groups"]["data_source"].items():
        assert figure["value"] == pytest.approx(by_hand(bench, source))
        assert figure["low"] < figure["value"] < figure["high"]
    assert "macro-F1 over steps, threshold 0.5" in (home / "results.md").read_text()


def test_a_test_that_was_killed_goes_on(bench: Path, tmp_path: Path):
    with pytest.raises(Killed):
        run(tmp_path, Digits(kill_after=130), [visual(bench)], chains=50, name="mine")
    again = Digits()
    home = run(tmp_path, again, [visual(bench)], chains=50, name="mine")
    assert len(again._asked) == 100  # two parts of four were kept
    done = Digits()
    assert run(tmp_path, done, [visual(bench)], chains=50, name="mine") == home
    assert done._asked == []


def test_another_scorers_scores_are_not_taken(bench: Path, tmp_path: Path):
    run(tmp_path, Digits(), [visual(bench)], name="mine")

    class Other(Digits):
        def settings(self) -> str:
            return "other"

    with pytest.raises(ValueError, match="was scored by another scorer"):
        run(tmp_path, Other(), [visual(bench)], name="mine")


def test_processbench_looks_for_the_first_error(tmp_path: Path):
    rows = [
        {"id": "a", "problem": "?", "steps": ["9", "1", "9"], "label": 1, "generator": "g"},
        {"id": "b", "problem": "??", "steps": ["9", "9"], "label": -1, "generator": "g"},
        {"id": "c", "problem": "???", "steps": ["9", "2"], "label": -1, "generator": "g"},
    ]
    (tmp_path / "gsm8k.json").write_text(json.dumps(rows))
    home = run(tmp_path, Digits(), [StepBenchmark(name="G", path=str(tmp_path / "gsm8k.json"), figure="first_error")])
    (found,) = json.loads((home / "results.json").read_text())
    assert found["overall"]["value"] == pytest.approx(2 * 1 * 0.5 / 1.5)


def test_rows_that_cannot_be_used_are_told_or_refused(bench: Path, tmp_path: Path):
    rows = (bench / "test.jsonl").read_text().splitlines()
    some = [row.replace('"images/', f'"{bench}/images/') for row in rows[:19]]
    (tmp_path / "few.jsonl").write_text("\n".join([*some, "{}"]))
    few = StepBenchmark(name="Few", path=str(tmp_path / "few.jsonl"), image_root=bench)
    with pytest.warns(UserWarning, match="Few: 1 of 20 rows cannot be used"):
        run(tmp_path, Digits(), [few])
    (tmp_path / "many.jsonl").write_text("\n".join([*some[:3], "{}"]))
    many = StepBenchmark(name="Many", path=str(tmp_path / "many.jsonl"), image_root=bench)
    with pytest.raises(ValueError, match="Many: 1 of 4 rows .* most_bad"):
        run(tmp_path, Digits(), [many])


@pytest.mark.parametrize(
    ("benchmarks", "why"),
    [
        ([], "give at least one"),
        ([StepBenchmark(name="A b", path="x"), StepBenchmark(name="a-b", path="y")], "own name"),
    ],
)
def test_benchmarks_need_names(benchmarks: list[StepBenchmark], why: str):
    with pytest.raises(ValueError, match=why):
        StepBenchmarkDataModule(benchmarks)


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(ValueError, match="is not there"):
        run(tmp_path, Digits(), [StepBenchmark(name="A", path=str(tmp_path / "no.jsonl"))])


@pytest.mark.slow
def test_from_the_command_line(bench: Path, tmp_path: Path):
    config = Path(__file__).parents[2] / "configs/benchmarks/visualprocessbench.yaml"
    (tmp_path / "data").mkdir()
    (tmp_path / "data/VisualProcessBench").symlink_to(bench)
    make_prm(tmp_path / "runs/small/3-prm/model")
    done = lit_mstar(tmp_path, "test", "--config", str(config), "--ckpt_path", "runs/small/3-prm")
    assert done.returncode == 0, done.stderr
    assert "VisualProcessBench: macro-F1 over steps" in done.stdout
    (found,) = json.loads((tmp_path / "results/small-3-prm/results.json").read_text())
    assert found["overall"]["chains"] == 200
    assert set(found["groups"]) == {"data_source", "policy_model"}
