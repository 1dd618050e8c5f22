"""Which problem is the same: what is shown and what is right, not what it is called."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lit_mstar import Problem
from lit_mstar.rollouts.identity import image_digest, question_digest, reference_digest
from support.helpers import png

HERE = Problem(id="p", question="How many?", choices=("1", "2"), answer="A", images=(png(),))


@pytest.mark.parametrize(
    ("change", "asked", "judged"),
    [
        ({"question": "How much?"}, True, False),
        ({"images": (png(3, 3),)}, True, False),
        ({"images": ()}, True, False),
        ({"choices": ("1", "3")}, True, True),
        ({"id": "q"}, True, True),
        ({"answer": "B"}, False, True),
        ({"answer": None}, False, True),
        ({"accepted": ("1",)}, False, True),
        ({"answer_type": "letter"}, False, True),
        ({"precision": 2}, False, True),
        ({"unit": "cm"}, False, True),
        ({"tags": {"answer_type": "integer"}}, False, True),
        ({"system": "Be brief."}, True, False),
        ({"prompt": "{question}"}, True, False),
        ({"source": "elsewhere:3"}, False, False),
        ({"reasoning": "Answer: A"}, False, False),
    ],
)
def test_what_is_asked_and_what_is_right_are_told_apart(change: dict[str, Any], asked: bool, judged: bool) -> None:
    other = replace(HERE, **change)
    assert (question_digest(other) != question_digest(HERE)) is asked
    assert (reference_digest(other) != reference_digest(HERE)) is judged


def test_a_repainted_file_is_another_image_and_a_copy_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png())
    before = image_digest(str(file))
    assert before == image_digest(png())
    stamp = file.stat()
    file.write_bytes(png(3, 3))
    assert image_digest(str(file)) == image_digest(png(3, 3)) != before
    file.write_bytes(png())
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert image_digest(str(file)) == before


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gone.png does not exist"):
        question_digest(replace(HERE, images=(str(tmp_path / "gone.png"),)))
