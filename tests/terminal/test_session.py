"""Sessions in a real terminal: what a user sees of a run, of Ctrl-C, of a second start, of a mistake."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.small_stage import evolve_config
from support.terminal import Terminal, screen

ROW = re.compile(r"^ +(\d)/2 +1 +16 +\d+\.\d% +16 +\d+\.\d% +-( |$)")
NOISE = ("Tip", "GPU available", "it/s", "UserWarning", ".py:", "Traceback", "━", "%|")


def test_what_is_drawn_over_or_erased_is_gone() -> None:
    assert screen("one\r\ntwo\rTW\r\n\x1b[31mred\x1b[0m\r\x1b[2K\x1b[1A\x1b[2Kthree\n") == ["one", "three", ""]
    assert screen("a bar\rlonger bar\x1b[1A\rfirst") == ["firstr bar"]


def recipe(folder: Path, model: Path, **trainer: Any) -> Path:
    """One stage of three iterations, of 16 responses each."""
    config = evolve_config(model, folder / "runs/mine/1-evolve")
    config["trainer"] |= {"enable_progress_bar": True, "log_every_n_steps": 1} | trainer
    (folder / "mine").mkdir(exist_ok=True)
    (folder / "mine/1-evolve.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.mark.slow
def test_a_recipe_is_run_stopped_gone_on_with_and_edited(tmp_path: Path, tiny_folder: Path) -> None:
    recipe(tmp_path, tiny_folder)
    first = Terminal(tmp_path, "run", "mine")
    first.until("0/2")
    first.press("\x03")
    assert first.end() == 0
    shown = first.lines()
    assert "Stopped in stage 1-evolve. To go on: lit-mstar run mine" in shown
    assert not [line for line in shown if any(noise in line for noise in NOISE)]

    second = Terminal(tmp_path, "run", "mine")
    assert second.end() == 0
    shown = second.lines()
    assert not [line for line in shown if any(noise in line for noise in NOISE)], "\n".join(shown)
    done = [int(match[1]) for line in shown if (match := ROW.match(line))]
    assert done in ([0, 1, 2], [1, 2])  # the first may have had its line when the key was pressed
    assert len([line for line in shown if line]) <= 20
    # Meanwhile there were bars, with what is done and what is left.
    assert re.search(r"sampling iteration 1 .*\d+/8.* problems", second.output)
    assert re.search(r"training .*/4.* batches", second.output)
    assert re.search(r"/3.* epochs, accuracy \d+\.\d%", second.output)

    third = Terminal(tmp_path, "run", "mine")
    assert third.end() == 0
    assert "[1/1] 1-evolve: complete, nothing to do" in third.lines()

    before = json.loads((tmp_path / "runs/mine/1-evolve/summary.json").read_text())
    recipe(tmp_path, tiny_folder, max_epochs=1)
    edited = Terminal(tmp_path, "run", "mine")
    assert edited.end() == 2
    assert "  trainer.max_epochs: 3 -> 1" in edited.lines()
    assert any("--rerun" in line for line in edited.lines())
    again = Terminal(tmp_path, "run", "mine", "--rerun", "--quiet")
    assert again.end() == 0
    assert not any("/0 " in line for line in again.lines())  # quiet: no lines of iterations
    assert json.loads((tmp_path / "runs/mine/1-evolve.replaced-1/summary.json").read_text()) == before


@pytest.mark.slow
def test_mistakes_are_one_line_in_a_terminal_too(tmp_path: Path, tiny_folder: Path) -> None:
    recipe(tmp_path, tiny_folder)
    misspelled = Terminal(tmp_path, "fit", "--config", "mine/1-evolve.yaml", "--trainer.max_epoch", "1")
    assert misspelled.end() == 2
    shown = [line for line in misspelled.lines() if line]
    assert shown[0].endswith("Trainer has no option 'max_epoch'. Did you mean 'max_epochs'?")
    assert len(shown) == 2
    helped = Terminal(tmp_path, "fit", "--help")
    assert helped.end() == 0
    assert helped.lines()[0].startswith("usage: lit-mstar fit --config FILE")
    assert len(helped.lines()) < 75
