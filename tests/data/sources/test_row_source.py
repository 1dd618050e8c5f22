"""What all sources of rows do alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar.data import JsonlSource, ParquetSource
from lit_mstar.rollouts.identity import question_digest
from lit_mstar.rollouts.images import image_bytes
from support.jsonl import GOOD, write
from support.published import parquet, struct


def test_a_limit_reads_the_first_rows_alone(tmp_path: Path):
    source = JsonlSource(train=write(tmp_path, *(GOOD | {"id": str(i)} for i in range(5)), "{broken"), limit=5)
    assert [problem.id for problem in source.problems("train")] == ["0", "1", "2", "3", "4"]


def test_images_in_rows_may_be_unpacked_once(tmp_path: Path):
    rows = [{"question": f"{i}?", "answer": "1", "image": struct(i // 2)} for i in range(4)]
    file = parquet(tmp_path / "train.parquet", rows)
    whole = ParquetSource(train=file).problems("train")
    for _ in range(2):
        thin = ParquetSource(train=file, unpack=tmp_path / "images").problems("train")
    assert all(isinstance(problem.images[0], str) for problem in thin)
    assert len(list((tmp_path / "images").iterdir())) == 2
    for one, other in zip(whole, thin, strict=True):
        assert one.id == other.id
        assert question_digest(one) == question_digest(other)
        assert image_bytes(other.images[0]) == one.images[0]


def test_a_source_has_a_prompt_of_its_own(tmp_path: Path):
    (problem,) = JsonlSource(train=write(tmp_path, GOOD), prompt="Look. {question}").problems("train")
    assert problem.prompt == "Look. {question}"


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"most_bad": 1.5}, "most_bad is 1.5"),
        ({"prompt": "no place"}, "prompt is 'no place'; it must be a text with {question}"),
        ({"limit": 0}, "limit is 0; it must be at least 1"),
        ({"on_bad_row": "ignore"}, 'it must be "error" or "skip"'),
    ],
)
def test_wrong_settings_are_named(options: dict[str, object], wrong: str):
    with pytest.raises(ValueError, match=wrong):
        JsonlSource(**options)
