from __future__ import annotations

import shutil
from pathlib import Path

from huggingface_hub import ModelCard

from lit_mstar.report.run import find_run
from lit_mstar.sharing.command import export
from lit_mstar.sharing.exported import find_exported
from support.reported import write_run


def test_a_card_says_from_what_it_was_made_and_how_good_it_is(saved: Path, tmp_path: Path):
    run = write_run(tmp_path / "runs" / "tiny")
    shutil.copytree(saved, run / "4-evolve" / "model")
    export(find_exported(run), tmp_path / "my-model")
    card = ModelCard.load(tmp_path / "my-model" / "README.md")
    assert card.data.library_name == "transformers"
    assert card.data.pipeline_tag == "image-text-to-text"
    numbers = next(line for line in card.text.splitlines() if line.startswith("| test accuracy"))
    assert "| 40.0% ±" in numbers
    assert "| 75.0% ±" in numbers
    assert "paired: +35.0 points" in numbers
    assert "Data: DigitsSource." in card.text
    assert "| 1 | `weights-1` | 1 | 24 | 4 |" in card.text
    assert "@inproceedings{liu2025mstar" in card.text
    assert [stage.name for stage in find_run(run).stages if f"**{stage.name}**" in card.text] == [
        "1-warmup",
        "3-prm",
        "4-evolve",
    ]
    assert ".partial" not in card.text


def test_a_model_without_a_run_has_a_card_without_numbers(saved: Path, tmp_path: Path):
    export(find_exported(saved), tmp_path / "my-model")
    text = (tmp_path / "my-model" / "README.md").read_text()
    assert "## Numbers" not in text
    assert "## Limits" in text
