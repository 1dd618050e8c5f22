from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torchmetrics import Metric, MetricCollection

from lit_mstar.rewards.metrics import (
    BalanceScore,
    GreedyAccuracy,
    PassAtK,
    RewardPassAtK,
    balance_score,
    pass_at_k,
    reward_pass_at_k,
)

PROBLEMS, N = 7, 5
THRESHOLDS = {"low": 0.0, "high": 0.5}
OWNERS = (slice(0, 5), slice(5, PROBLEMS))  # unequal shares of two processes


def sample() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    correct = torch.rand(PROBLEMS, N, generator=generator) < 0.4
    return correct, torch.randint(0, 3, (PROBLEMS, N), generator=generator) / 2


def balances() -> dict[str, Metric]:
    return {name: BalanceScore(threshold, wanted=2) for name, threshold in THRESHOLDS.items()}


def metrics() -> MetricCollection:
    return MetricCollection({"pass": PassAtK(2), "reward": RewardPassAtK(2), "one": PassAtK(1)} | balances())


def figures(collection: MetricCollection) -> dict[str, float]:
    errors = {f"{name}_error": metric.standard_error().item() for name, metric in collection.items()}
    return {name: value.item() for name, value in collection.compute().items()} | errors


def test_metrics_are_means_over_problems_however_batched() -> None:
    correct, score = sample()
    collection = metrics()
    for rows in (slice(0, 1), slice(1, 1), slice(1, 5), slice(5, 7)):
        collection.update(correct[rows], score[rows])
    values = {
        "pass": pass_at_k(correct, 2),
        "reward": reward_pass_at_k(correct, score, 2),
        "one": correct.double().mean(1),
    } | {name: balance_score(correct, score > threshold, 2) for name, threshold in THRESHOLDS.items()}
    expected = {name: value.mean().item() for name, value in values.items()}
    expected |= {f"{name}_error": stats.sem(value.numpy()) for name, value in values.items()}
    assert figures(collection) == pytest.approx(expected, abs=1e-12)


def test_metrics_that_agree_on_the_first_batch_stay_apart() -> None:
    collection = metrics()
    collection.update(torch.tensor([[True, True]]), torch.tensor([[0.1, 0.9]]))
    collection.update(torch.tensor([[True, False]]), torch.tensor([[0.1, 0.9]]))
    assert figures(collection)["pass"] == 1
    assert figures(collection)["one"] == 0.75
    apart = MetricCollection([PassAtK(1), RewardPassAtK(1)])
    apart.update(torch.tensor([[True, True]]), torch.tensor([[0.1, 0.9]]))
    apart.update(torch.tensor([[True, False]]), torch.tensor([[0.1, 0.9]]))
    assert apart.compute() == {"PassAtK": 0.75, "RewardPassAtK": 0.5}


def test_greedy_accuracy() -> None:
    metric = GreedyAccuracy()
    metric.update(torch.tensor([True, False, True]))
    metric.update(torch.tensor([True]))
    assert metric.compute().item() == 0.75
    assert metric.standard_error().item() == pytest.approx(stats.sem([1, 0, 1, 1]))
    assert metric(torch.tensor([False])).item() == 0
    assert metric.compute().item() == 0.6
    metric.reset()
    metric.update(torch.tensor([True]))
    assert metric.compute().item() == 1
    assert metric.standard_error().isnan()


@pytest.mark.parametrize("count", range(2, 40))
def test_equal_values_have_no_standard_error(count: int) -> None:
    metric = PassAtK(1)
    metric.update(torch.tensor([[True, False, False]] * count))  # rounding makes some variances negative
    assert metric.standard_error().item() == pytest.approx(0, abs=1e-7)


def test_a_module_in_half_precision_still_counts_exactly() -> None:
    module = nn.ModuleDict({"metric": GreedyAccuracy()}).half()
    module["metric"].update(torch.arange(5001) < 1234)
    assert module["metric"].compute().item() == pytest.approx(1234 / 5001, abs=1e-15)


@pytest.mark.parametrize("metric", [PassAtK(3), RewardPassAtK(3)])
@pytest.mark.parametrize(
    ("correct", "message"),
    [
        (torch.ones(2, 2, dtype=torch.bool), "k is 3; with 2 responses per problem it must be in 1…2"),
        (torch.ones(2, 4), "correct is torch.float32 .*; it must be bool"),
        (
            torch.ones(4, dtype=torch.bool),
            r"correct is torch.bool \(4,\); it must be bool \(problems, responses\)",
        ),
    ],
)
def test_bad_correct(metric: Metric, correct: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric.update(correct, torch.zeros(correct.shape))


def test_balance_scores_that_make_no_sense() -> None:
    correct = torch.ones(2, 2, dtype=torch.bool)
    for make in (lambda: BalanceScore(0.5, 0), lambda: balance_score(correct, correct, 0)):
        with pytest.raises(ValueError, match="wanted is 0; it must be at least 1"):
            make()
    with pytest.raises(ValueError, match=r"kept is torch.bool \(2, 1\); it must be bool \(2, 2\)"):
        balance_score(correct, correct[:, :1], 8)
    with pytest.raises(ValueError, match="kept is torch.float32"):
        balance_score(correct, torch.ones(2, 2), 8)
    with pytest.raises(ValueError, match="score has a NaN"):
        BalanceScore(0.5).update(correct, torch.full((2, 2), torch.nan))
    with pytest.raises(ValueError, match=r"score is \(2, 1\)"):
        BalanceScore(0.5).update(correct, torch.zeros(2, 1))


def test_greedy_accuracy_wants_one_flag_per_problem() -> None:
    for bad in (torch.ones(3), torch.ones(3, 1, dtype=torch.bool)):
        with pytest.raises(ValueError, match="it must be bool"):
            GreedyAccuracy().update(bad)


@pytest.mark.parametrize("metric", [GreedyAccuracy(), PassAtK(1)], ids=["greedy", "pass"])
def test_what_is_marked_on_the_cpu_is_counted_on_a_gpu(metric: Any) -> None:
    """Tensors without data, which refuse to meet those of another device as real ones do."""
    with FakeTensorMode():
        there, here = torch.zeros(3, dtype=torch.float64, device="cuda"), torch.zeros(2, dtype=torch.bool)
        with pytest.raises(RuntimeError, match="same device"):
            there[:2] + here
        setattr(metric, metric.name, there)
        metric.update(here if isinstance(metric, GreedyAccuracy) else here[:, None])
        assert getattr(metric, metric.name).device.type == "cuda"


@pytest.mark.slow
def test_two_processes_agree_with_one(tmp_path: Path) -> None:
    commands = [[sys.executable, __file__, str(rank), str(tmp_path)] for rank in range(len(OWNERS))]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait() for process in processes] == [0, 0]
    collection = metrics()
    collection.update(*sample())
    for rank in range(len(OWNERS)):
        measured = json.loads((tmp_path / f"{rank}.json").read_text())
        assert measured == pytest.approx(figures(collection), abs=1e-12)


def run_rank(rank: int, folder: Path) -> None:
    """What each process of the test above does."""
    store = f"file://{folder / 'store'}"
    world = {"rank": rank, "world_size": len(OWNERS), "timeout": timedelta(minutes=2)}
    torch.distributed.init_process_group("gloo", init_method=store, **world)
    collection = metrics()
    collection.update(*(part[OWNERS[rank]] for part in sample()))
    (folder / f"{rank}.json").write_text(json.dumps(figures(collection)))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    run_rank(int(sys.argv[1]), Path(sys.argv[2]))


@given(
    st.lists(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=3, max_size=3), min_size=1, max_size=6),
    st.integers(1, 4),
    st.floats(0, 1),
)
def test_problems_of_which_nothing_is_kept_are_zero_or_left_out(
    problems: list[list[tuple[bool, float]]], wanted: int, threshold: float
) -> None:
    values = []
    for responses in problems:
        kept = [right for right, score in responses if score > threshold]
        if kept:
            values.append(min(sum(kept) / wanted, 1) * sum(kept) / len(kept))
    expected = {"zero": sum(values) / len(problems), "skip": sum(values) / len(values) if values else 0.0}
    correct = torch.tensor([[right for right, _ in responses] for responses in problems])
    score = torch.tensor([[score for _, score in responses] for responses in problems], dtype=torch.float64)
    for empty, value in expected.items():
        metric = BalanceScore(threshold, wanted, empty)
        for row in range(len(problems)):  # one by one: the mean is over all of them
            metric.update(correct[row : row + 1], score[row : row + 1])
        assert float(metric.compute()) == pytest.approx(value, abs=1e-15)


def test_another_word_for_empty_is_refused() -> None:
    with pytest.raises(ValueError, match='empty is \'none\'; it must be "zero" or "skip"'):
        BalanceScore(0.5, empty="none")
