"""What is to be measured with is known again in training rows, whatever its id and its files are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar.data import JsonlSource
from support.helpers import png
from support.jsonl import GOOD, write


def test_test_rows_in_train_are_named(tmp_path: Path):
    held = write(tmp_path, GOOD | {"id": "t"}, name="test.jsonl")
    source = JsonlSource(train=write(tmp_path, GOOD | {"id": "other"}), test=held)
    with pytest.raises(ValueError, match=r"rows.jsonl:1: it is the same problem as .*test.jsonl:1, which is to be mea"):
        source.problems("train")


def test_a_copy_of_the_image_under_another_name_is_a_copy(tmp_path: Path):
    for name, colour in (("a.png", (1, 2, 3)), ("b.png", (1, 2, 3)), ("c.png", (3, 2, 1))):
        (tmp_path / name).write_bytes(png(8, 8, colour))
    held = write(tmp_path, GOOD | {"image": "a.png"}, name="test.jsonl")
    rows = [GOOD | {"id": name, "image": f"{name}.png"} for name in "bc"]
    source = JsonlSource(train=write(tmp_path, *rows), validate=held, on_bad_row="skip")
    with pytest.warns(UserWarning, match="1 of 2 'train' rows were left out"):
        assert [problem.id for problem in source.problems("train")] == ["c"]
