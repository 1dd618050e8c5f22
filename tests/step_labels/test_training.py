"""The optimizer steps of a refresh: whom they train, on what, and what they leave alone."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from lit_mstar import Backbone, ProcessRewardModule
from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.step_labels.training import batches, restore, train_on, trained
from support.refreshing import momentum, train_by_hand
from support.scripted import largest_difference, make_prm, sums, weights


def test_each_step_learns_from_its_rows(tmp_path: Path) -> None:
    """Against the loss of each example by itself, summed by hand."""
    folder, rows = make_prm(tmp_path), [[0, 2], [1], [2, 0, 1]]
    examples = [
        StepExample(problem, steps, [1.0, 0.25, 0.5][: len(steps)])
        for problem, steps in zip(sums(3), (["a"], ["b", "c"], ["d", "e", "f"]), strict=True)
    ]
    prm = ProcessRewardModule.from_folder(folder)
    loss = train_on(prm, examples, momentum, rows, seed=0)
    ours, losses = train_by_hand(folder, examples, rows)
    assert loss == pytest.approx(sum(losses) / 3, abs=1e-6)
    assert largest_difference(weights(prm), weights(ours)) < 1e-6
    assert not prm.training
    assert not any(weight.requires_grad for weight in prm.parameters())


@pytest.mark.parametrize(("count", "size", "steps"), [(5, 2, 5), (5, 8, 3), (7, 3, 2), (1, 1, 4)])
def test_every_pass_takes_each_example_once(count: int, size: int, steps: int) -> None:
    parts = list(batches(count, size, steps))
    assert [len(rows) for rows in parts] == [min(size, count)] * steps
    flat = [row for rows in parts for row in rows]
    for start in range(0, len(flat), count):
        part = flat[start : start + count]
        assert len(set(part)) == len(part)


def test_the_global_random_state_is_untouched(tmp_path: Path) -> None:
    folder = make_prm(tmp_path)
    prm = ProcessRewardModule.from_folder(folder)
    examples = [StepExample(problem, ["a", "b"], [1.0, 0.5]) for problem in sums(5)]
    found = []
    for _ in range(2):
        torch.rand(3)
        before = (torch.get_rng_state(), torch.initial_seed(), random.getstate(), np.random.get_state()[1].tolist())
        found.append(train_on(prm, examples, momentum, batches(5, 2, 3), seed=7))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert before[1:] == (torch.initial_seed(), random.getstate(), np.random.get_state()[1].tolist())
        prm = ProcessRewardModule.from_folder(folder)
    assert found[0] == found[1]  # the order of examples depends on the seed alone


def test_of_an_adapter_only_it_and_the_head_are_trained(tiny_folder: Path, tmp_path: Path) -> None:
    backbone = Backbone(str(tiny_folder), lora={"r": 2, "target_modules": ["q_proj", "v_proj"]})
    prm = ProcessRewardModule(backbone)
    prm.configure_model()
    prm.save(tmp_path / "adapter")
    loaded = ProcessRewardModule.from_folder(str(tmp_path / "adapter"))
    before = weights(loaded)
    examples = [StepExample(problem, ["a", "b"], [1.0, 0.5]) for problem in sums(3)]
    train_on(loaded, examples, momentum, [[0, 1, 2]] * 3, seed=0)
    changed = {name for name, value in weights(loaded).items() if not torch.equal(value, before[name])}
    assert {name.rpartition(".")[0] for name in changed if "lora" not in name} == {"head"}
    assert changed & {name for name in before if "lora_B" in name}
    assert changed <= trained(loaded).keys()


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    prm = ProcessRewardModule.from_folder(make_prm(tmp_path))
    before = weights(prm)
    for wrong in ({"head.weight": torch.zeros(1, 32)}, {name: value[:0] for name, value in before.items()}):
        with pytest.raises(ValueError, match="weights do not fit"):
            restore(prm, wrong)
    assert largest_difference(weights(prm), before) == 0
    restore(prm, {name: value + 1 for name, value in trained(prm).items()})
    assert all(torch.equal(weights(prm)[name], before[name] + 1) for name in trained(prm))
