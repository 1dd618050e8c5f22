"""Data and a model of one's own: a recipe made by a look at them, all stages, and the paper's five benchmarks.

The data are 60 problems in MathV360K's format and tiny files in the benchmarks'; the model is a tiny Qwen3-VL.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lit_mstar.data import MathV360KSource
from lit_mstar.front.recipe import read_config
from support import published
from support.chance import OPTIONS, write_guesser
from support.commands import lit_mstar
from support.zygote import popen

pytestmark = pytest.mark.slow

ALL = Path(__file__).parents[2] / "configs" / "benchmarks" / "all.yaml"
HINT = "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.\n"


def write_data(folder: Path) -> None:
    rng = random.Random(0)  # noqa: S311
    lettered = "".join(f"\n({letter}) {option}" for letter, option in zip("ABCD", OPTIONS, strict=True))
    rows = [
        {
            "image": f"{('Geo', 'FigureQA')[i % 2]}/images/{i}.png",
            "conversations": published.turns(
                f"<image>\n{HINT}Question: Which colour is number {i}?\nChoices:{lettered}", rng.choice("ABCD")
            ),
        }
        for i in range(60)
    ]
    published.mathv360k(folder / "MathV360K", rows)
    published.mathvista(folder / "MathVista", [{}, {"choices": [*OPTIONS], "answer": "red"}, {"answer": "4"}])
    published.m3cot(folder / "M3CoT", [{}, {"answer": "B"}, {"answer": "C"}])
    published.mmstar(folder / "MMStar", [{"answer": "ABCD"[i % 4]} for i in range(8)])
    published.mmbench(folder / "MMBench", [{"answer": "ABC"[i % 3]} for i in range(6)], rotations=3)
    published.ai2d(folder / "AI2D", [{"answer": str(i % 4)} for i in range(8)])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe, run; its last model, tested."""
    folder = tmp_path_factory.mktemp("own")
    write_data(folder / "data")
    write_guesser(folder / "guesser")
    model = ["--model", "guesser", "--trial-model", "guesser"]
    made = lit_mstar(folder, "init", "mine", "--data", "data/MathV360K", *model)
    assert made.returncode == 0, made.stderr
    with pytest.MonkeyPatch.context() as patch:  # stages are processes that start at once
        patch.setattr("lit_mstar.commands.children.subprocess.Popen", popen)
        ran = lit_mstar(folder, "run", "mine/trial")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    tested = lit_mstar(folder, *test_command("runs/mine-trial/4-evolve"))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    return folder


def test_command(model: str) -> list[str]:
    few = ["--model.evaluation.max_tokens", "64", "--trainer.accelerator", "cpu", "--trainer.devices", "1"]
    return ["test", "--config", str(ALL), "--ckpt_path", model, *few]


test_command.__test__ = False  # type: ignore[attr-defined]  # it makes one


def test_the_recipe_is_filled_in_by_a_look_at_the_data(home: Path):
    recipe = read_config(home / "mine" / "recipe.yaml")
    assert recipe["source"] == {"class_path": "lit_mstar.data.MathV360KSource", "init_args": {"path": "data/MathV360K"}}
    assert recipe["model"]["init_args"]["path"] == "guesser"
    assert recipe["sampler"]["init_args"]["max_images"] == 1
    assert recipe["runs"] == "runs/mine"
    prompt = 1024  # a prompt of less than 300 tokens and a response of 1024
    assert recipe["sampler"]["init_args"]["max_model_len"] == prompt + recipe["tokens"] == 2048
    for stage in ("1-warmup", "2-annotate", "3-prm", "4-evolve"):
        assert read_config(home / "mine" / f"{stage}.yaml")["trainer"]["default_root_dir"] == f"runs/mine/{stage}"


def test_what_is_tested_was_never_trained_on(home: Path):
    source = MathV360KSource(str(home / "data/MathV360K"))
    held = {problem.id for split in ("test", "validate", "unlabeled") for problem in source.problems(split)}
    assert len(source.problems("test")) == len(source.problems("validate")) == 12
    sampled = set()
    for stage in ("1-warmup", "4-evolve"):
        for file in (home / "runs/mine-trial" / stage / "rollouts").rglob("*.parquet"):
            sampled |= set(pq.read_table(file, columns=["problem_id"])["problem_id"].to_pylist())
    assert sampled
    assert not sampled & held


def test_what_was_kept_is_right(home: Path):
    source = MathV360KSource(str(home / "data/MathV360K"))
    answers = {problem.id: problem.answer for problem in source.problems("train")}
    rows = [
        row
        for file in (home / "runs/mine-trial/4-evolve/rollouts").rglob("rollouts.parquet")
        for row in pq.read_table(file).to_pylist()
    ]
    kept = [row for row in rows if row["selected"]]
    assert kept
    assert all(row["answer"] == answers[row["problem_id"]] and row["score"] is not None for row in kept)


def test_the_papers_five_columns_and_their_mean(home: Path):
    folder = home / "results" / "mine-trial-4-evolve"
    results = json.loads((folder / "results.json").read_text())["benchmarks"]
    assert [r["name"] for r in results] == ["MathVista", "M3CoT", "MMStar-R", "MMBench-R", "AI2D"]
    assert [r["rows"] for r in results] == [3, 3, 8, 18, 8]
    assert [r["accuracy"]["n"] for r in results] == [3, 3, 4, 4, 8]
    for result in results:
        rows = pq.read_table(folder / result["folder"] / "graded.parquet").to_pylist()
        counted = [row["official"][0] for row in rows if row["id"] in set(result["counted"])]
        assert result["accuracy"]["value"] == pytest.approx(sum(counted) / len(counted))
    text = (folder / "results.md").read_text()
    assert "|  | MathVista | M3CoT | MMStar-R | MMBench-R | AI2D | mean |" in text
    assert "| MiniCPM-V-2.5 + M-STaR (published) | 59.5 | 48.7 | 50.7 | 79.9 | 69.1 | 61.6 |" in text


def test_scored_anew_and_compared_with_the_model_before(home: Path):
    folder = home / "results" / "mine-trial-4-evolve"
    before = (folder / "results.json").read_bytes()
    again = lit_mstar(home, "regrade", str(folder))
    assert again.returncode == 0, again.stderr
    assert (folder / "results.json").read_bytes() == before
    base = lit_mstar(home, *test_command("guesser"))
    assert base.returncode == 0, base.stderr
    compared = lit_mstar(home, "compare", "results/guesser", str(folder))
    assert compared.returncode == 0, compared.stderr
    assert [line.split(" | ")[0] for line in compared.stdout.splitlines()[2:]] == [
        *("| MathVista", "| M3CoT", "| MMStar-R", "| MMBench-R", "| AI2D", "| mean")
    ]


def test_a_look_at_the_data_with_what_was_answered(home: Path):
    page = home / "page.html"
    run = ["--html", str(page), "--run", "runs/mine-trial"]
    done = lit_mstar(home, "data", "stats", "mine/trial", *run)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.count("data:image/png;base64,") >= 20
    assert "Think step by step" in text  # the prompt as the model gets it
    assert "<summary class=" in text
