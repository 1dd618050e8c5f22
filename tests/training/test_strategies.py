"""Two real processes learn what one learns: DDP and FSDP2, all weights or LoRA, policy and PRM; and go on after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lit_mstar import Backbone
from support import ranks, strategies, strategy_jobs
from support.helpers import make_tiny_backbone


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model, and what one process has learned from it, case by case."""
    folder = tmp_path_factory.mktemp("strategies")
    torch.manual_seed(0)
    backbone = make_tiny_backbone()
    backbone.save(backbone.load_model(), folder / "tiny")
    for case in strategies.CASES:
        torch.save(strategies.fit(case, folder, home=folder / f"single-{case}"), folder / f"{case}.pt")
    return folder


@pytest.mark.slow
def test_two_ranks_learn_what_one_process_learns(home: Path):
    on_ranks = ranks.run(strategy_jobs.equal_job, 2, home)
    print(json.dumps(on_ranks, indent=1))
    said = [found.pop(name) for name in ("poisoned str", "poisoned FSDP2Strategy") for found in on_ranks]
    assert len(said) == 4
    found = on_ranks[0]
    assert all("at step 0, the norm of its gradient nan. Weights are as they were" in text for text in said), said
    half = found.pop("half")
    assert half["sharded"] == half["weights"]
    assert 1e-5 < half["loss"] < 0.05
    assert len(found) == len(strategies.CASES) + 3
    for name, seen in found.items():
        assert seen["start"] == 0, name  # bit for bit
        assert seen["loss"] < 1e-5, name
        assert seen["norm"] < 1e-4, name
        assert seen["end"] < 1e-4 < 1e-3 < seen["moved"], name
        assert seen["metrics"] < 1e-5, name
        assert seen["steps"], name
        assert seen["tokens"], name
        assert (seen["sharded"] == seen["weights"]) == ("fsdp2" in name), name


@pytest.mark.slow
def test_training_goes_on_after_any_kind_of_checkpoint(home: Path):
    on_ranks = ranks.run(strategy_jobs.checkpoints_job, 2, home)
    print(json.dumps(on_ranks, indent=1))
    for found in on_ranks:
        assert len(found) == 4 * 2 + 3 + 2 * 2
        assert all(difference < 1e-4 for difference in found.values()), found
    for case, kinds in strategies.SAVED.items():
        source = home / (
            f"{case}-from-sharded.ckpt" if "sharded" in kinds else f"{case}-consolidated/checkpoints/epoch=0.ckpt"
        )
        options = {"resume": str(source), "home": home / "resumed", "limit_val_batches": 0}
        again = strategies.fit(case, home, **options)  # one process goes on after two
        expected = torch.load(home / f"{case}.pt", weights_only=False)
        assert strategies.distance(again["end"], expected["end"]) < 1e-4
        for kind in kinds:
            folder = home / f"{case}-{kind}"
            assert json.loads((folder / "summary.json").read_text())["checkpoint"].endswith("epoch=0.ckpt")
            assert Backbone(str(folder / "model")).load_model(head=case != "prm") is not None


@pytest.mark.slow
def test_units_of_either_kind_load_learn_sample_and_export_like_the_whole(home: Path):
    on_ranks = ranks.run(strategy_jobs.units_job, 2, home)
    print(json.dumps(on_ranks, indent=1))
    for found in on_ranks:
        assert len(found) == 3
        for name, seen in found.items():
            assert seen["root"], name
            assert seen["units"] == 4, name  # two blocks of text, one of vision, the rest
            assert seen["start"] == 0, name
            assert seen["peak"] < 0.8, name  # a part of the whole; the rest of this model is its largest unit
            assert 0.4 < seen["kept"] < 0.6, name
            assert seen["fingerprint"], name
            assert seen["mode"], name
            assert seen["tokens"], name  # of the second weights that the engine was given
            for close in ("loss 0", "loss 1", "norm 0", "norm 1", "end", "export"):
                assert seen[close] < 1e-5, (name, close)
