from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lit_mstar import Problem
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.prompt_memory import PromptMemory, Recent
from support.helpers import make_tiny_backbone, png

COLOURS = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
ALIKE = [Problem(id=str(i), question=f"What is {i}?", images=(png(8, 8, colour),)) for i, colour in enumerate(COLOURS)]
MORE = [
    Problem(id="none", question="What is 7?"),
    Problem(id="wide", question="What is 8?", images=(png(30, 10),)),
    Problem(id="two", question="What is 9?", images=(png(8, 8), png(30, 10))),
    Problem(id="longer", question="What is this, and what is that?", images=(png(8, 8),)),
]
BACKBONE = make_tiny_backbone()


class Counted(Encoder):
    """An encoder that notes which problems it gives to its processor."""

    def __init__(self, memory: int = 10**8) -> None:
        super().__init__(BACKBONE.processor, memory=memory)
        self.processed: list[list[str]] = []

    def _encoded(self, texts: list[str], problems: Sequence[Problem]) -> dict[str, Tensor]:
        self.processed.append([problem.id for problem in problems])
        return super()._encoded(texts, problems)


def assert_as_processed(encoder: Encoder, problems: Sequence[Problem]) -> None:
    found, expected = encoder.prompts(problems), Counted(memory=0).prompts(problems)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name


def test_batches_are_the_processors_own_and_nothing_is_processed_twice() -> None:
    encoder = Counted()
    for rows in ([0, 1], [2], [0, 1, 2], [2, 1, 0, 2], [3, 0], [0, 3, 2, 1]):
        assert_as_processed(encoder, [ALIKE[row] for row in rows])
    together = [["0", "1"], ["1"], ["0"]]  # compared once: two prompts in one batch, and alone
    assert sorted(map(sorted, encoder.processed)) == sorted([*together, ["0", "1"], ["2"], ["3"]])


def test_unlike_prompts_are_processed_as_the_processor_batches_them() -> None:
    encoder = Counted()
    for problems in ([*ALIKE, *MORE], [ALIKE[0], MORE[3]], [MORE[2]], [MORE[1], MORE[2]], [MORE[0], MORE[0]], MORE[:2]):
        for _ in range(2):
            assert_as_processed(encoder, problems)


def test_what_is_made_of_a_batch_may_be_changed() -> None:
    encoder = Counted()
    for _ in range(2):
        for problems in (ALIKE[:2], ALIKE[:1]):
            assert_as_processed(encoder, problems)
            for value in encoder.prompts(problems).values():
                value.zero_()


def test_a_changed_file_and_another_prompt_are_processed_anew(tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    problem = Problem(id="file", question="What is it?", images=(str(file),))
    encoder = Counted()
    for at, colour in enumerate(COLOURS):
        file.write_bytes(png(8, 8, colour))
        os.utime(file, ns=(at, at))
        assert_as_processed(encoder, [problem])
        encoder.prompts([problem])
    assert encoder.processed == [["file"]] * len(COLOURS)
    system = Problem(id="file", question="What is it?", images=(str(file),), system="Be brief.")
    assert encoder.prompts([system])["input_ids"].shape != encoder.prompts([problem])["input_ids"].shape


def test_a_processor_that_batches_in_a_way_of_its_own_gets_whole_batches() -> None:
    memory, asked = PromptMemory(10**8), []

    def process(rows: Sequence[int]) -> dict[str, Tensor]:
        asked.append([*rows])
        return {"input_ids": torch.tensor([[row] for row in rows]), "rows": torch.tensor([len(rows)] * len(rows))}

    for _ in range(2):
        assert memory.batch(["a", "b", "c"], 1, process)["rows"].tolist() == [3, 3, 3]
    assert asked[-2:] == [[0, 1, 2]] * 2
    assert memory.batch(["a"], 1, process)["rows"].tolist() == [1]


@pytest.mark.parametrize("made", [["a list"], torch.tensor(1)])
def test_what_is_no_tensor_with_rows_is_not_kept(made: object) -> None:
    memory, asked = PromptMemory(10**8), []

    def process(rows: Sequence[int]) -> dict[str, object]:
        asked.append([*rows])
        return {"input_ids": torch.tensor([[row] for row in rows]), "made": made}

    for keys in (["a"], ["a"], ["a", "b"], ["a", "b"]):
        assert memory.batch(keys, 0, process)["made"] is made
    assert asked[:2] == [[0], [0]]
    assert asked[-2:] == [[0, 1]] * 2


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    recent = Recent(limit=10)
    for key in "abc":
        recent.put(key, key.upper(), 4)  # the third is too much
    assert [recent.get(key) for key in "abc"] == [None, "B", "C"]
    recent.get("b")
    recent.put("d", "D", 3)
    assert [recent.get(key) for key in "abcd"] == [None, "B", None, "D"]
    recent.put("d", "D again", 6)  # in place of the earlier: 10 in all
    assert [recent.get(key) for key in "bd"] == ["B", "D again"]
    assert ("b" in recent, "a" in recent) == (True, False)
    recent.put("huge", "H", 11)
    assert [recent.get(key) for key in ("b", "d", "huge")] == [None] * 3


def test_no_more_bytes_are_kept_than_said() -> None:
    piece = sum(value.nbytes for value in Counted(memory=0).prompts(ALIKE[:1]).values())
    encoder = Counted(memory=2 * piece)
    for problem in [*ALIKE[:3], *ALIKE[1:3], ALIKE[0], ALIKE[2], ALIKE[1]]:
        assert_as_processed(encoder, [problem])
    assert encoder.processed == [[row] for row in "01201"]


def test_another_process_begins_with_an_empty_memory() -> None:
    encoder = Counted()
    encoder.prompts(ALIKE)
    again = pickle.loads(pickle.dumps(encoder))  # noqa: S301
    again.processed.clear()
    assert_as_processed(again, ALIKE)
    assert again.processed == [[problem.id for problem in ALIKE[::-1]]]
