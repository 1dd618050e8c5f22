"""Sampling over real ranks; what divides the work is for training/test_division.py."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lit_mstar import ProcessRewardModule
from lit_mstar.data.rank_sampling import RankSampling
from support import evolving_ranks, ranks
from support.evolving import header, rows
from support.helpers import make_tiny_backbone
from support.scripted import largest_difference, sums


def test_a_central_sampler_is_asked_once_for_what_is_expected_to_be_longest_first():
    sampling = RankSampling(stall_timeout=60.0)
    sampling.remember_lengths({"p0": 5.0, "p2": 40.0})  # p1 and p3 are expected to have the mean
    policy = SimpleNamespace(sampler=SimpleNamespace(central=True), encoder=None)
    [asked] = sampling._groups(SimpleNamespace(lightning_module=policy), sums(4), 4, "queue")
    assert [problem.id for problem in asked] == ["p2", "p1", "p3", "p0"]


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path):
    torch.manual_seed(3)
    prm = ProcessRewardModule(make_tiny_backbone())
    prm.configure_model()
    seen = {}
    for count in (1, 2):
        prm.save(tmp_path / f"{count}/prm")
        seen[count] = ranks.run(evolving_ranks.evolution_job, count, tmp_path / f"{count}")
    (alone,), (first, second) = seen[1], seen[2]
    assert first["learned"] == second["learned"] == alone["learned"]  # the identical list on every rank
    assert sorted(first["sampled"] + second["sampled"]) == sorted(alone["sampled"])  # nothing twice, nothing left out
    assert first["accuracy"] == second["accuracy"] == alone["accuracy"]
    assert first["tested"] == second["tested"] == alone["tested"]
    assert len(alone["tested"]) == 5
    assert (alone["random states"], first["random states"]) == (1, 2)
    for index in range(2):
        one, two = header(tmp_path / "1", index), header(tmp_path / "2", index)
        assert len(one["metrics"]) > 12
        assert one["metrics"] == two["metrics"]
        assert one["sampling"] == two["sampling"]
        for row, same in zip(rows(tmp_path / "2", index), rows(tmp_path / "1", index), strict=True):
            assert row.pop("step_scores") == pytest.approx(same.pop("step_scores"), abs=1e-6)
            assert row.pop("score") == pytest.approx(same.pop("score"), abs=1e-6)
            assert row == same
    one, two = (torch.load(tmp_path / f"{n}/checkpoints/last.ckpt")["state_dict"] for n in (1, 2))
    assert largest_difference(one, two) < 1e-4
