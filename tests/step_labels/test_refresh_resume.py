"""What is left of a PRM that was refreshed: a run that resumes, or is tested, has the same one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_mstar import (
    EvolutionCallback,
    ProcessRewardModule,
)
from lit_mstar.callbacks import PRMFilter, TrainingDynamics
from lit_mstar.rollouts.nouns import SamplingParams
from support.evolving import Noise
from support.refreshing import make_refresh, run
from support.scripted import Killed, largest_difference, weights


def rows(folder: Path) -> list[Any]:
    headers = [json.loads(file.read_text()) for file in sorted(folder.glob("rollouts/*/_iteration.json"))]
    return [(header["index"], header["metrics"]) for header in headers]


@pytest.mark.parametrize("step", [2, 3, 4, 5])  # two steps an iteration: amid one, and right after its refresh
def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(tmp_path: Path, prm_folder: str, step: int) -> None:
    def callbacks(end_before: int | None = None) -> list[Any]:
        return [PRMFilter(prm_folder, refresh=make_refresh(batch_size=2)), Noise(end_before), TrainingDynamics(k=2)]

    whole = run(tmp_path / "whole", first := callbacks())
    with pytest.raises(Killed):
        run(tmp_path / "parts", callbacks(step))
    torch.rand(7)  # another process has used up other random numbers
    resumed = run(tmp_path / "parts", second := callbacks(), resume=tmp_path / "parts/last.ckpt")
    assert whole.global_step == resumed.global_step == 6
    for one, two in ((whole.lightning_module, resumed.lightning_module), (first[0]._prm, second[0]._prm)):
        assert largest_difference(weights(one), weights(two)) == 0
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    assert [("prm/refresh_loss" in metrics) for _, metrics in rows(tmp_path / "parts")] == [True] * 3


def test_weights_come_back_before_and_after_the_prm_is_loaded(tmp_path: Path, prm_folder: str) -> None:
    callback = PRMFilter(prm_folder, refresh=make_refresh())
    run(tmp_path, [callback], max_epochs=1)
    saved = torch.load(tmp_path / "ends/last.ckpt", weights_only=True)["callbacks"]["PRMFilter"]
    early, late = PRMFilter(prm_folder), PRMFilter(prm_folder)
    early.load_state_dict(saved)
    assert early.state_dict() == saved  # not loaded, and not lost
    early.setup(None, None, "fit")
    late.setup(None, None, "fit")
    late.load_state_dict(saved)
    for restored in (early, late):
        assert largest_difference(weights(restored._prm), weights(callback._prm)) == 0
        assert largest_difference(restored.state_dict()["refreshed"], callback.state_dict()["refreshed"]) == 0
        assert not any(parameter.requires_grad for parameter in restored._prm.parameters())


def test_another_prm_s_weights_are_refused(tmp_path: Path, prm_folder: str) -> None:
    callback = PRMFilter(prm_folder)
    callback.load_state_dict({"refreshed": {"head.weight": torch.zeros(1, 32)}})
    with pytest.raises(ValueError, match=f"do not fit {prm_folder}; resume with the PRM that the run began with"):
        callback.setup(None, None, "fit")


class Testing(EvolutionCallback):
    """Samples test problems when they are tested."""

    def on_test_end(self, trainer: Any, pl_module: Any) -> None:
        self.rollouts = trainer.datamodule.measure("test", SamplingParams(n=6, max_tokens=8)).rollouts


def test_test_problems_are_scored_by_the_prm_of_the_checkpoint(tmp_path: Path, prm_folder: str) -> None:
    first, testing, second = PRMFilter(prm_folder, refresh=make_refresh()), Testing(), PRMFilter(prm_folder)
    run(tmp_path, [first], max_epochs=1)
    run(tmp_path / "test", [second, testing], stage="test", resume=tmp_path / "ends/last.ckpt")
    expected = first._prm.score(testing.rollouts)
    assert [[response.step_scores for response in rollout.responses] for rollout in testing.rollouts] == expected
    run(tmp_path / "plain", [unused := PRMFilter(prm_folder)], stage="test")
    assert unused._prm is None  # nothing was sampled


def test_a_fixed_prm_stays_and_leaves_no_state(tmp_path: Path, prm_folder: str) -> None:
    for callback in (PRMFilter(prm_folder), PRMFilter(prm_folder, refresh=make_refresh(every=9))):
        run(tmp_path / str(id(callback)), [callback], max_epochs=2)
        assert largest_difference(weights(callback._prm), weights(ProcessRewardModule.from_folder(prm_folder))) == 0
        assert callback.state_dict() == {}
        saved = torch.load(tmp_path / str(id(callback)) / "ends/last.ckpt", weights_only=True)
        assert "PRMFilter" not in saved["callbacks"]
