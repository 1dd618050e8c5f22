"""`lit-mstar data stats` and `lit-mstar init`, as a user types them."""

from __future__ import annotations

import json
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from lit_mstar.data.inspection.described import described, made
from lit_mstar.front.check import check_command
from lit_mstar.front.recipe import read_config
from support.commands import lit_mstar
from support.helpers import png
from support.jsonl import write
from support.published import mathv360k, parquet, turns

ROWS = [{"question": f"How many in {i}?", "answer": str(i)} for i in range(40)]
HOSTILE = "<script>alert(1)</script> & {{ 7 * 7 }}"


def test_stats_of_a_file(tmp_path: Path):
    write(tmp_path, *ROWS, {"question": "bad"}, name="train.jsonl")
    done = lit_mstar(tmp_path, "data", "stats", "train.jsonl", "--json", "out.json")
    assert done.returncode == 0, done.stderr
    assert "train.jsonl:41: field 'answer' is missing" in " ".join(done.stdout.split())
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["splits"]["train"]["problems"] == 40
    assert found["tokens_by"] is None


def test_a_page_shows_texts_as_texts(tmp_path: Path, tiny_folder: Path):
    (tmp_path / "a.png").write_bytes(png())
    write(tmp_path, {"question": HOSTILE, "answer": "<b>", "image": "a.png"}, name="train.jsonl")
    options = ["--html", "page.html", "--model", str(tiny_folder)]
    done = lit_mstar(tmp_path, "data", "stats", "train.jsonl", *options)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; {{ 7 * 7 }}" in page
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched
    assert "data:image/png;base64," in page


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["gone.jsonl"], "argument source: gone.jsonl does not exist"),
        (["notes.txt"], "notes.txt ends in '.txt'; what can be read ends in .parquet"),
        (["empty"], "empty has no train, val"),
        (["t.parquet"], "no column question, problem, query"),
        (["t.parquet", "--columns", "question"], "is no pair; write FIELD=COLUMN"),
        (["t.parquet", "--columns", "question=txt", "answer=a"], "no column 'txt', only text, a; did you mean 'text'"),
        (["no-source.yaml"], "names no source"),
    ],
)
def test_what_is_no_data(arguments: list[str], wrong: str, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "no-source.yaml").write_text("trainer: {max_epochs: 1}")
    parquet(tmp_path / "t.parquet", [{"text": "?", "a": "1"}])
    done = lit_mstar(tmp_path, "data", "stats", *arguments)
    assert done.returncode == 2
    assert wrong in done.stderr
    assert "Traceback" not in done.stderr


def test_which_source_is_meant(tmp_path: Path):
    write(tmp_path, *ROWS, name="train.jsonl")
    (tmp_path / "chat.json").write_text(json.dumps([{"conversations": turns("a?", "b")}]))
    parquet(tmp_path / "t.parquet", ROWS)
    folder = tmp_path / "set"
    for split in ("train", "val", "test"):
        parquet(folder / "data" / f"{split}-00000-of-00001.parquet", ROWS)
    mathv360k(tmp_path / "math", [{"image": "a/b.png", "conversations": turns("a?", "b")}])
    kinds = {path: described(tmp_path / path)[0]["class_path"].rpartition(".")[2] for path in (
        *("train.jsonl", "chat.json", "t.parquet", "set", "math"),
    )}  # fmt: skip
    assert kinds == {
        "train.jsonl": "JsonlSource",
        "chat.json": "ShareGPTSource",
        "t.parquet": "TableSource",
        "set": "TableSource",
        "math": "MathV360KSource",
    }
    assert set(described(folder)[0]["init_args"]) == {"train", "validate", "test"}
    assert len(made(described(folder)[0]).problems("validate")) == 40


def test_init_divides_what_is_one_file_and_fills_in_what_it_sees(tmp_path: Path, tiny_folder: Path):
    long = "Step 1: " + "I look. " * 60 + "\nAnswer: 7"
    write(tmp_path, *ROWS, {"question": "Why?", "answer": "7", "reasoning": long}, name="train.jsonl")
    done = lit_mstar(tmp_path, "init", "mine", "--data", "train.jsonl", "--model", str(tiny_folder))
    assert done.returncode == 0, done.stderr
    assert "lit-mstar run mine/trial" in done.stdout
    recipe = read_config(tmp_path / "mine" / "recipe.yaml")
    inner = {"class_path": "lit_mstar.data.JsonlSource", "init_args": {"train": "train.jsonl"}}
    division = {"test": 4, "validate": 4, "division": "mine/division.json"}
    assert recipe["source"] == {"class_path": "lit_mstar.data.SplitSource", "init_args": {"source": inner, **division}}
    assert recipe["labelled"] == 41
    assert recipe["tokens"] % 128 == 0
    assert recipe["tokens"] >= 1.5 * 60  # of a solution with at least 60 tokens
    assert recipe["runs"] == "runs/mine"
    trial = read_config(tmp_path / "mine" / "trial" / "recipe.yaml")
    assert trial["source"]["init_args"]["source"]["init_args"]["limit"] == 48
    assert trial["runs"] == "runs/mine-trial"
    text = (tmp_path / "mine" / "recipe.yaml").read_text()
    assert "# of stage 1; later stages go on with what it made" in text  # comments stay
    assert "configs/your-data" not in text
    for stage in ("mine/1-warmup.yaml", "mine/trial/1-warmup.yaml"):  # what is there from the start can be run
        with chdir(tmp_path):
            check_command("fit", ["--config", stage])


def test_init_holds_out_only_what_is_not_given(tmp_path: Path, tiny_folder: Path):
    write(tmp_path, *ROWS, name="train.jsonl")
    write(tmp_path, {"question": "other", "answer": "1"}, name="test.jsonl")
    done = lit_mstar(
        tmp_path, "init", "mine", "--data", "train.jsonl", "--test", "test.jsonl", "--model", str(tiny_folder)
    )
    assert done.returncode == 0, done.stderr
    source = read_config(tmp_path / "mine" / "recipe.yaml")["source"]
    assert (source["init_args"]["test"], source["init_args"]["validate"]) == (0, 4)
    with chdir(tmp_path):
        found = made(source)
        assert [problem.question for problem in found.problems("test")] == ["other"]
        assert len(found.problems("validate")) == 4
        assert len(found.problems("train")) == 36


def test_init_for_a_source_that_has_no_rows(tmp_path: Path, tiny_folder: Path):
    source = {"class_path": "lit_mstar.data.DigitsSource", "init_args": {"train": 8, "validate": 4, "test": 4}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"source": source}))
    done = lit_mstar(tmp_path, "init", "mine", "--data", "own.yaml", "--model", str(tiny_folder))
    assert done.returncode == 0, done.stderr
    for name in ("recipe.yaml", "trial/recipe.yaml"):
        assert read_config(tmp_path / "mine" / name)["source"] == source


def test_init_leaves_out_bad_rows_and_says_so(tmp_path: Path, tiny_folder: Path):
    files = {name: write(tmp_path, *ROWS, "{bad", name=f"{name}.jsonl").name for name in ("train", "validate", "test")}
    for name in ("validate", "test"):
        rows = [row | {"question": f"{name} {row['question']}"} for row in ROWS]
        write(tmp_path, *rows, name=f"{name}.jsonl")
    held = ["--validate", files["validate"], "--test", files["test"]]
    done = lit_mstar(tmp_path, "init", "mine", "--data", files["train"], *held, "--model", str(tiny_folder))
    assert done.returncode == 0, done.stderr
    assert "1 training rows cannot be used" in done.stdout
    source = yaml.safe_load((tmp_path / "mine" / "recipe.yaml").read_text())["source"]
    assert source["init_args"] == {**{name: f"{name}.jsonl" for name in files}, "on_bad_row": "skip"}


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["there", "--data", "train.jsonl"], "there exists; give another folder"),
        (["mine", "--data", "gone.jsonl"], "gone.jsonl does not exist"),
        (["mine", "--data", "bad.jsonl"], "There is no problem to train on"),
        (
            ["mine", "--data", "test.jsonl"],
            "There are 1 training problems and no 'validate' ones; give --validate FILE",
        ),
    ],
)
def test_what_init_refuses(arguments: list[str], wrong: str, tmp_path: Path, tiny_folder: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x").write_text("")
    write(tmp_path, *ROWS, name="train.jsonl")
    write(tmp_path, {"question": "other", "answer": "1"}, name="test.jsonl")
    write(tmp_path, "{bad", name="bad.jsonl")
    done = lit_mstar(tmp_path, "init", *arguments, "--model", str(tiny_folder))
    assert done.returncode == 2
    assert wrong in done.stderr
    assert not (tmp_path / "mine").exists()


def test_a_model_that_cannot_be_asked_is_a_warning(tmp_path: Path):
    write(tmp_path, *ROWS, name="train.jsonl")
    with pytest.warns(UserWarning, match="no-model cannot be asked"):
        done = lit_mstar(tmp_path, "data", "stats", "train.jsonl", "--model", "./no-model")
    assert done.returncode == 0
    assert "characters / 4" in done.stdout
