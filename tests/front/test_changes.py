from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.front.changes import differences

STAGE: dict[str, Any] = {
    "threads": 1,
    "trainer": {
        "accelerator": "cpu",
        "max_epochs": 8,
        "logger": {"class_path": "TensorBoardLogger", "init_args": {"save_dir": "runs/x"}},
        "callbacks": [{"class_path": "a.ModelCheckpoint", "init_args": {"mode": "max"}}, {"class_path": "b.PRMFilter"}],
    },
    "model": {"class_path": "lit_mstar.PolicyModule", "init_args": {"optimizer": {"init_args": {"lr": 1e-3}}}},
    "data": {"init_args": {"splits": ["train", "test"], "columns": {}}},
}


def changed(*path: Any, to: Any) -> dict[str, Any]:
    config = deepcopy(STAGE)
    place: Any = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return config


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (changed("trainer", "max_epochs", to=9), "trainer.max_epochs: 8 -> 9"),
        (
            changed("model", "init_args", "optimizer", "init_args", "lr", to=0.1),
            "model.optimizer.lr: 0.001 -> 0.1",
        ),
        (changed("model", "class_path", to="x.Y"), "model.class_path: lit_mstar.PolicyModule -> x.Y"),
        (changed("trainer", "precision", to="16"), "trainer.precision: (none) -> 16"),
        (
            changed("trainer", "callbacks", 1, to={"class_path": "b.CorrectFilter"}),
            "trainer.callbacks.PRMFilter.class_path: b.PRMFilter -> (none)",
        ),
        (changed("data", "init_args", "columns", to={"a": "b"}), "data.columns: {} -> (none)"),
        (changed("data", "init_args", "splits", to=["test"]), "data.splits.0: train -> test"),
    ],
)
def test_what_differs_is_named(config: dict[str, Any], expected: str) -> None:
    assert str(differences([STAGE], [config])[0]) == expected


@pytest.mark.parametrize(
    "config",
    [
        changed("threads", to=2),
        changed("trainer", "accelerator", to="gpu"),
        changed("trainer", "strategy", to={"class_path": "FSDP"}),
        changed("trainer", "logger", to=False),
    ],
)
def test_where_it_runs_decides_nothing(config: dict[str, Any]) -> None:
    assert differences([STAGE], [config]) == []


def test_overlays_count_by_what_they_amount_to() -> None:
    overlay = {"trainer": {"max_epochs": 9}}
    assert differences([STAGE, overlay], [changed("trainer", "max_epochs", to=9)]) == []
    assert str(differences([STAGE], [STAGE, overlay])[0]) == "trainer.max_epochs: 8 -> 9"
    assert differences([STAGE, overlay], [STAGE, {"trainer": {"max_epochs": 1}}, overlay]) == []


def test_a_long_value_is_cut() -> None:
    [difference] = differences([{"data": {"hint": "x" * 100}}], [{"data": {"hint": "y"}}])
    assert str(difference) == f"data.hint: {'x' * 59}… -> y"


values = st.recursive(
    st.integers() | st.booleans() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)
configs = st.dictionaries(st.text("ab", min_size=1, max_size=2), values, max_size=3)


@given(configs, configs)
def test_only_equal_configs_have_no_differences(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert differences([one], [deepcopy(one)]) == []
    assert (differences([one], [other]) == []) == (differences([other], [one]) == [])
