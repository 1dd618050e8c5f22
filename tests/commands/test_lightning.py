from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from support.commands import lit_mstar, lit_mstar_process, sft_config


@pytest.fixture
def config(tmp_path: Path, tiny_folder: Path) -> Path:
    path = tmp_path / "stage.yaml"
    path.write_text(yaml.safe_dump(sft_config(tiny_folder)))
    return path


@pytest.mark.slow
def test_fit_leaves_a_model_and_a_summary_and_runs_a_users_callback(config: Path, tmp_path: Path):
    (tmp_path / "my_callbacks.py").write_text(
        "from lightning.pytorch import Callback\n"
        "class CountSteps(Callback):\n"
        "    def __init__(self, file: str = 'steps.txt') -> None:\n"
        "        self.file = file\n"
        "    def on_train_end(self, trainer, pl_module):\n"
        "        open(self.file, 'w').write(str(trainer.global_step))\n"
    )
    mine = tmp_path / "mine.yaml"
    mine.write_text("trainer:\n  callbacks+:\n    - class_path: my_callbacks.CountSteps\n")
    done = lit_mstar_process(tmp_path, "fit", "--config", str(config), "--config", str(mine))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "steps.txt").read_text() == "2"  # 8 seed chains in batches of 4
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["test_accuracy"] == 0.0
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        p.name for p in (tmp_path / "run/model").iterdir()
    }


def test_validate_test_and_predict_read_a_checkpoint(config: Path, tmp_path: Path):
    assert lit_mstar(tmp_path, "fit", "--config", str(config)).returncode == 0
    checkpoint = next((tmp_path / "run/checkpoints").glob("*.ckpt"))
    both = ["--config", str(config), "--ckpt_path", str(checkpoint)]
    assert "val/accuracy" in lit_mstar(tmp_path, "validate", *both).stdout
    assert "test/accuracy" in lit_mstar(tmp_path, "test", *both).stdout
    writer = ["--trainer.callbacks+=lit_mstar.callbacks.PredictionWriter", "--trainer.callbacks.file=answers.jsonl"]
    done = lit_mstar(tmp_path, "predict", *both, *writer)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [f"digits-test-{i}" for i in range(4)]


def test_an_unknown_key_is_named_before_any_model_is_loaded(config: Path, tmp_path: Path):
    done = lit_mstar(tmp_path, "fit", "--config", str(config), "--data.batchsize", "3")
    assert done.returncode == 2
    assert "batchsize" in done.stderr


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"question": "?", "answer": "1", "reasoning": "So it is.\nAnswer: 2"},
            "rows.jsonl:1: field 'reasoning' ends in the answer '2'",
        ),
        ({"question": "?", "reasoning": "Answer: 1"}, "rows.jsonl:1: field 'answer' is missing"),
        ({"question": "?", "answer": "1", "image": "gone.png", "reasoning": "Answer: 1"}, "gone.png does not exist"),
    ],
)
def test_a_bad_row_ends_fit_with_file_row_field_and_remedy(
    row: dict[str, str], message: str, config: Path, tmp_path: Path, tiny_folder: Path
):
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    source = {"class_path": "lit_mstar.data.JsonlSource", "init_args": {"seed": "rows.jsonl"}}
    stage = yaml.safe_load(config.read_text())
    stage["data"]["init_args"]["source"] = source
    stage["model"]["init_args"]["backbone"]["init_args"]["path"] = str(tiny_folder)
    config.write_text(yaml.safe_dump(stage))
    done = lit_mstar(tmp_path, "fit", "--config", str(config))
    assert done.returncode == 2
    assert message in done.stderr


def test_a_missing_input_names_the_stage_that_makes_it(config: Path, tmp_path: Path):
    model = "runs/quickstart/1-warmup/model"
    done = lit_mstar(tmp_path, "fit", "--config", str(config), "--model.backbone.path", model)
    assert done.returncode == 2
    assert "Stage 1-warmup makes it: run `lit-mstar fit --config configs/quickstart/1-warmup.yaml`" in done.stderr
