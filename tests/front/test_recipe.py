"""What a stage's config refers to: whole values, parts, texts, values with changes, and what leads nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.front.recipe import load, merged, read_config

RECIPE = """
runs: runs/$(folder)
home: $(runs)/$(stage)
tokens: 40
lengths: {short: 8, long: 1e3}
source:
  class_path: lit_mstar.data.DigitsSource
  init_args: {train: 10, operations: [sum]}
model: {path: $(runs)/1-warmup/model, tokens: $(tokens)}
loop: $(pool)
pool: $(loop)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "mine"
    home.mkdir()
    (home / "recipe.yaml").write_text(RECIPE)
    return home


def read(folder: Path, text: str) -> Any:
    (folder / "1-warmup.yaml").write_text(text)
    return read_config(folder / "1-warmup.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x: $(tokens)", 40),
        ("x: $(lengths.long)", 1000.0),
        ("x: $(runs)/1-warmup", "runs/mine/1-warmup"),
        ("x: $(folder)-$(tokens)", "mine-40"),
        ("x: $(runs)/$(stage)", "runs/mine/1-warmup"),
        ("x: $(home)/steps", "runs/mine/1-warmup/steps"),  # in recipe.yaml, it is the stage's name, too
        ("x: [$(tokens), 7]", [40, 7]),
        ("x: $(model)", {"path": "runs/mine/1-warmup/model", "tokens": 40}),
        ("x: {$(lengths): {short: 9}}", {"short": 9, "long": 1000.0}),
        ("x: {$(lengths): {}}", {"short": 8, "long": 1000.0}),
        (
            "x: {$(source): {init_args: {train: 20, operations+: [maximum]}}}",
            {
                "class_path": "lit_mstar.data.DigitsSource",
                "init_args": {"train": 20, "operations": ["sum", "maximum"]},
            },
        ),
        ("x: 1.0e-6", 1e-6),
        ("x: costs $5 (or so)", "costs $5 (or so)"),
    ],
)
def test_what_is_referred_to(folder: Path, text: str, value: Any):
    assert read(folder, text) == {"x": value}


def test_what_is_changed_in_one_place_stays_in_the_others(folder: Path):
    found = read(folder, "a: {$(source): {init_args: {train: 20}}}\nb: $(source)")
    assert found["a"]["init_args"]["train"] == 20
    assert found["b"]["init_args"]["train"] == 10


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("x: $(token)", r"\$\(token\) is not said in .*recipe.yaml: there is no 'token', only .*Did you mean 'tokens'"),
        ("x: $(lengths.longer)", "there is no 'longer', only short, long. Did you mean 'long'"),
        ("x: $(tokens.more)", "there is no 'more', only a value"),
        ("x: $(loop)", "refers to itself"),
        ("- 1", "is no stage config: it must be a mapping"),
    ],
)
def test_what_leads_nowhere(folder: Path, text: str, wrong: str):
    with pytest.raises(ValueError, match=wrong):
        read(folder, text)


def test_a_stage_without_its_recipe_says_so(tmp_path: Path):
    with pytest.raises(ValueError, match=r"refers to .*recipe.yaml, which does not exist; copy it too"):
        read(tmp_path, "x: $(tokens)")
    assert read(tmp_path, "x: 1") == {"x": 1}


def test_values_on_the_command_line_are_plain_yaml():
    assert load("{a: 1e-3}") == {"a": 1e-3}
    assert load("$(tokens)") == "$(tokens)"


def test_a_recipe_itself_is_filled_in(folder: Path):
    assert read_config_without_circles(folder)["model"]["path"] == "runs/mine/1-warmup/model"


def read_config_without_circles(folder: Path) -> dict[str, Any]:
    (folder / "recipe.yaml").write_text(RECIPE.partition("loop:")[0])
    return read_config(folder / "recipe.yaml")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), PLAIN, min_size=1, max_size=4))
def test_any_value_comes_back_whole(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]):
    home = tmp_path_factory.mktemp("recipe")
    (home / "recipe.yaml").write_text(yaml.safe_dump({f"v_{name}": value for name, value in values.items()}))
    (home / "stage.yaml").write_text(yaml.safe_dump({name: f"$(v_{name})" for name in values}))
    assert read_config(home / "stage.yaml") == values


@given(PLAIN, PLAIN)
def test_nothing_changes_nothing_and_an_overlay_wins(config: Any, overlay: Any):
    assert merged(config, overlay) == overlay or isinstance(overlay, dict)
    if isinstance(config, dict):
        assert merged(config, {}) == config
        assert merged({}, config) == config
