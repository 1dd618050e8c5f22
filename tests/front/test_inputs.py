"""Files that a config reads, and what is suggested where one is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar.front.inputs import check_checkpoint, check_inputs, nearest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("configs/quickstart/1-warmup.yaml", "configs/quickstart/4-evolve.yaml", "train.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "suggested"),
    [
        ("configs/quickstrat", "configs/quickstart"),
        ("config/quickstart/4-evolv.yaml", "configs/quickstart/4-evolve.yaml"),
        ("configs/quickstart/warmup.yaml", "configs/quickstart/1-warmup.yaml"),
        ("trian.jsonl", "train.jsonl"),
    ],
)
def test_the_nearest_is_suggested_with_its_path(here: Path, given: str, suggested: str) -> None:
    assert nearest(Path(given)) == f" Did you mean {suggested!r}?"
    assert nearest(here / given) == f" Did you mean {str(here / suggested)!r}?"


@pytest.mark.parametrize("given", ["nothing", "configs/nothing/4-evolve.yaml", "train.jsonl/4-evolve.yaml"])
def test_nothing_is_suggested_where_nothing_is_near(here: Path, given: str) -> None:
    assert nearest(Path(given)) == ""


def test_files_of_data_and_of_earlier_stages_are_looked_for(here: Path) -> None:
    check_inputs({"source": {"init_args": {"train": "train.jsonl"}}, "prompt": "What is in a.jsonl here?"}, "data")
    with pytest.raises(
        ValueError, match=r"^data.source.train: trian.jsonl does not exist. Did you mean 'train.jsonl'\?"
    ):
        check_inputs({"source": {"init_args": {"train": "trian.jsonl"}}}, "data")
    with pytest.raises(ValueError, match=r"runs/mine/1-warmup/model is not .*Stage 1-warmup makes it"):
        check_inputs({"backbone": {"path": "runs/mine/1-warmup/model"}}, "model")


def test_what_a_source_writes_itself_need_not_be_there(here: Path) -> None:
    divided = {"source": {"class_path": "lit_mstar.data.SplitSource", "init_args": {"division": "mine/division.json"}}}
    check_inputs(divided, "data")


def test_checkpoints_are_looked_for_unless_lightning_finds_them(here: Path) -> None:
    for known in ("last", "best", "hpc", "s3://bucket/last.ckpt", "train.jsonl"):
        check_checkpoint(known)
    with pytest.raises(ValueError, match=r"--ckpt_path train.json does not exist.* Did you mean 'train.jsonl'"):
        check_checkpoint("train.json")
