"""Unlabeled problems in runs that are killed, resumed, or rewarded already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from lit_mstar.callbacks import UnlabeledProblems
from support.scripted import Killed, ScriptedSampler, weights
from support.unlabeled import Keeping, says, source


class Killing(Callback):
    """Ends the process at the first training batch."""

    def on_train_batch_start(self, *_: Any) -> None:
        raise Killed


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in (folder / "rollouts").rglob("*.*")}


@pytest.mark.parametrize("kill_after", [0, 3, 7, None])
def test_wherever_it_is_killed_a_rerun_ends_the_same(
    evolution: Any, monkeypatch: pytest.MonkeyPatch, kill_after: int | None
) -> None:
    monkeypatch.setattr("lit_mstar.rollouts.ledger.CHUNK", 8)
    home, found = evolution.folder, {}
    for name in ("whole", "parts"):
        evolution.__init__(home / name)
        if name == "parts":
            dying = ScriptedSampler(says(4, 4, 6, 8), kill_after)
            with pytest.raises(Killed):  # None: only once training begins
                evolution(dying, [UnlabeledProblems(answers="majority"), Killing()], source=source())
        evolution(says(4, 4, 6, 8), [UnlabeledProblems(answers="majority")], source=source())
        found[name] = files(home / name), weights(evolution.policy), evolution.sampler.finished
    assert found["parts"][0] == found["whole"][0]
    assert all(torch.equal(found["whole"][1][name], value) for name, value in found["parts"][1].items())
    assert sorted(dying.finished + found["parts"][2]) == sorted(found["whole"][2])


def test_resumed_between_iterations_it_equals_an_uninterrupted_run(evolution: Any) -> None:
    class Ending(Callback):
        def on_train_epoch_start(self, trainer: Any, *_: Any) -> None:
            if trainer.current_epoch == 3:
                raise Killed

    def fit(folder: Path, *more: Callback, resume: Path | None = None) -> dict[str, torch.Tensor]:
        evolution.__init__(folder)
        callbacks = [UnlabeledProblems(0.25, "majority"), ModelCheckpoint(dirpath=folder, save_last=True), *more]
        options = {"source": source(), "max_epochs": 6, "enable_checkpointing": True, "checkpoint": resume}
        evolution(says(4, 4, 6, 8), callbacks, **options)
        return weights(evolution.policy)

    home = evolution.folder
    whole = fit(home / "whole")
    with pytest.raises(Killed):
        fit(home / "parts", Ending())
    resumed = fit(home / "parts", resume=home / "parts/last.ckpt")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert files(home / "parts") == files(home / "whole")


def test_a_rewarded_iteration_is_not_voted_on_again(evolution: Any) -> None:
    for least in (0.0, 1.0):
        evolution(says(4, 4, 6, 8), [UnlabeledProblems(answers="majority", min_share=least)], source=source())
    assert evolution.sampler.calls == []
    assert evolution.metrics(0)["pseudo_answered"] == 4


def test_what_an_oracle_marked_is_not_taken_for_unmarked(evolution: Any) -> None:
    evolution(says(4, 4, 6, 8), [UnlabeledProblems(answers="oracle")], source=source())
    keeping = Keeping()
    with pytest.warns(UserWarning, match="marked anew"):
        evolution(says(4, 4, 6, 8), [UnlabeledProblems(answers="majority"), keeping], source=source())
    assert {r.correct for rollout in keeping.rollouts[0] for r in rollout.responses} == {None}
