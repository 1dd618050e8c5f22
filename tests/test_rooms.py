"""Each folder says what it is and in which order to read it, and what it exports is there."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import lit_mstar

ROOT = Path(__file__).parents[1]
FOLDERS = sorted({file.parent for top in ("lit_mstar", "data", "callbacks") for file in (ROOT / top).rglob("*.py")})
ROOMS = {".".join(folder.relative_to(ROOT).parts).removeprefix("lit_mstar."): folder for folder in FOLDERS}
ROOMS.pop("lit_mstar")
TEMPLATES = ["lit_mstar.your_data", "lit_mstar.your_data.trial"]  # what `lit-mstar init` copies; no code


def room(name: str) -> ModuleType:
    return import_module(f"lit_mstar.{name}")


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_says_what_it_is_and_in_which_order_to_read_it(name: str):
    sentence, order = (room(name).__doc__ or "").split("\n\n")
    assert sentence.endswith(".")
    assert order.startswith("To be read in this order: ")
    files = {file.stem for file in ROOMS[name].glob("*.py")} - {"__init__"}
    assert {word for word in order.split("`")[1::2] if word.isidentifier()} >= files


@pytest.mark.parametrize("name", ["", *ROOMS])
def test_what_a_room_exports_is_there(name: str):
    package = room(name) if name else lit_mstar
    assert [one for one in getattr(package, "__all__", []) if not hasattr(package, one)] == []


PROMISED = {  # what users import, wherever it is defined
    "callbacks": "PRMFilter TemperatureBalancer TrainingDynamics",
    "data": "SelfEvolvingDataModule DigitsSource JsonlSource",
    "models": "Backbone TinyBackbone",
    "modules": "PolicyModule ProcessRewardModule WarmupConstant",
    "reasoning": "extract_answer answers_match split_steps",
    "rewards": "PassAtK RewardPassAtK AllCorrect RandomK TopK AboveThreshold",
    "rollouts": "Problem Response Rollout Iteration SamplingParams",
    "samplers": "TransformersSampler VLLMSampler VLLMServerSampler SamplingParams",
}


@pytest.mark.parametrize("name", PROMISED)
def test_promised_names_stay(name: str):
    assert set(PROMISED[name].split()) <= set(room(name).__all__)


def test_the_wheel_is_told_of_every_room():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(told) == sorted(["lit_mstar", *(f"lit_mstar.{name}" for name in ROOMS), *TEMPLATES])
