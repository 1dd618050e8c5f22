"""Bad rows are counted, listed and limited; duplicates are told apart from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar.data import JsonlSource
from support.helpers import png
from support.jsonl import GOOD, write


def rows(folder: Path, good: int, missing: int) -> Path:
    (folder / "here.png").write_bytes(png())
    there = [GOOD | {"id": f"g{i}", "image": "here.png"} for i in range(good)]
    return write(folder, *there, *(GOOD | {"id": f"m{i}", "image": f"gone-{i}.png"} for i in range(missing)))


def test_a_few_missing_images_are_counted_and_listed(tmp_path: Path):
    source = JsonlSource(train=rows(tmp_path, 18, 2), on_bad_row="skip")
    with pytest.warns(UserWarning, match=r"(?s)2 of 20 'train' rows were left out:.*gone-0.png.*gone-1.png"):
        assert len(source.problems("train")) == 18
    assert [bad.where.rpartition(":")[2] for bad in source.dropped["train"]] == ["19", "20"]


def test_too_many_missing_images_stop_the_run_before_it_starts(tmp_path: Path):
    source = JsonlSource(train=rows(tmp_path, 9, 11), on_bad_row="skip")
    with pytest.raises(ValueError, match=r"11 of 20 'train' rows are bad, more than JsonlSource.most_bad=0.5 of them"):
        source.problems("train")
    with pytest.warns(UserWarning, match="11 of 20"):
        JsonlSource(train=source.files["train"], on_bad_row="skip", most_bad=0.55).problems("train")


def test_two_problems_of_one_id_are_a_bad_row_and_no_duplicate(tmp_path: Path):
    rows = [GOOD | {"id": "same"}, GOOD | {"id": "same", "question": "How much?"}, GOOD | {"id": "other"}]
    source = JsonlSource(train=write(tmp_path, *rows), on_bad_row="skip", most_bad=0.3)
    with pytest.raises(ValueError, match=r"1 of 3 'train' rows are bad, more than (?s:.*)ids must be unique"):
        source.problems("train")


def test_duplicates_do_not_count_towards_the_limit(tmp_path: Path):
    source = JsonlSource(train=write(tmp_path, GOOD, GOOD, GOOD), on_bad_row="skip", most_bad=0.0)
    with pytest.warns(UserWarning, match="2 of 3 'train' rows were left out"):
        assert len(source.problems("train")) == 1
    assert all(bad.duplicate for bad in source.dropped["train"])
