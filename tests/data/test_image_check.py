"""What only decoding can find is found before a run, remembered, and said or left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lit_mstar import Problem
from lit_mstar.data import JsonlSource, ProblemDataModule, image_check
from lit_mstar.data.image_check import ImageCheck
from support.helpers import png
from support.jsonl import GOOD, write
from support.scripted import make_policy, make_trainer


def truncated() -> bytes:
    return png(40, 40)[:-30]


class Picky:
    """A processor that refuses long images, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def prompts(self, problems: list[Problem]) -> None:
        self.asked += [problem.images for problem in problems]
        if problems[0].images[0] == png(90, 2):
            raise RuntimeError("absolute aspect ratio must be smaller than 40")


def problem(name: str, *images: str | bytes) -> Problem:
    return Problem(id=name, question="?", answer="1", images=images, source=f"train.jsonl:{name}")


PROBLEMS = [problem("1", png(4, 4)), problem("2", truncated()), problem("3", png(90, 2)), problem("4", png(4, 4))]


def test_bad_images_are_named_with_row_and_cause(tmp_path: Path) -> None:
    check = ImageCheck(tmp_path / "known.json", Picky)
    with pytest.raises(
        ValueError, match=r"^train.jsonl:2: Image <bytes> cannot be decoded .*\(2 of 4 'train' problems"
    ):
        check.usable(PROBLEMS, "error", "train")


def test_bad_images_are_left_out_counted_and_listed(tmp_path: Path) -> None:
    check = ImageCheck(tmp_path / "known.json", Picky)
    with pytest.warns(UserWarning, match="2 of 4 'train' problems were left out") as said:
        assert check.usable(PROBLEMS, "skip", "train") == [PROBLEMS[0], PROBLEMS[3]]
    text = str(said[0].message)
    assert (
        "train.jsonl:3: an image of 90 x 2 pixels is refused by the model's processor: RuntimeError: absolute" in text
    )
    with pytest.raises(ValueError, match="2 of 2"):
        check.usable(PROBLEMS[1:3], "skip", "train")


def test_a_second_start_decodes_nothing_and_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png(5, 5))
    problems, picky = [*PROBLEMS, problem("5", str(file))], Picky()
    with pytest.warns(UserWarning, match="2 of 5"):
        ImageCheck(tmp_path / "known.json", lambda: picky).usable(problems, "skip", "train")
    assert sorted(map(len, picky.asked)) == [1, 1, 1]  # one of each size
    monkeypatch.setattr(image_check, "open_image", lambda image: pytest.fail("an image was decoded"))
    with pytest.warns(UserWarning, match="2 of 5"):
        kept = ImageCheck(tmp_path / "known.json", Picky).usable(problems, "skip", "train")
    assert [p.id for p in kept] == ["1", "4", "5"]


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png(5, 5))
    problems = [problem("1", str(file))]
    assert ImageCheck(tmp_path / "known.json", lambda: None).usable(problems, "error", "train") == problems
    file.write_bytes(truncated())
    with pytest.raises(ValueError, match="cannot be decoded"):
        ImageCheck(tmp_path / "known.json", lambda: None).usable(problems, "error", "train")


@pytest.mark.parametrize("content", ["", "nonsense", "[1]", "[" * 10_000])
def test_a_damaged_memory_counts_for_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "known.json").write_text(content)
    assert ImageCheck(tmp_path / "known.json", lambda: None).usable(PROBLEMS[:1], "error", "train") == PROBLEMS[:1]
    assert list(json.loads((tmp_path / "known.json").read_text()).values()) == [[4, 4]]


def test_setup_checks_what_a_stage_uses(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(png(8, 8))
    (tmp_path / "bad.png").write_bytes(truncated())
    rows = [GOOD | {"id": name, "image": f"{name}.png"} for name in ("good", "bad")]
    file = write(tmp_path, *rows)
    data = ProblemDataModule(JsonlSource(test=file))
    with pytest.raises(ValueError, match=r"rows.jsonl:2: Image .*bad.png cannot be decoded"):
        make_trainer(tmp_path).test(make_policy(), datamodule=data, verbose=False)
    skipping = ProblemDataModule(JsonlSource(test=file, on_bad_row="skip"))
    with pytest.warns(UserWarning, match="1 of 2 'test' problems were left out"):
        make_trainer(tmp_path).test(make_policy(), datamodule=skipping, verbose=False)
    assert [p.id for p in skipping.problems("test")] == ["good"]
    trusting = ProblemDataModule(JsonlSource(test=file), check_images=False)
    trusting.trainer = make_trainer(tmp_path)
    assert len(trusting.problems("test")) == 2
