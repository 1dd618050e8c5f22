"""The table of samples: in TensorBoard for every iteration, and showing the text as it is."""

from __future__ import annotations

import io
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugin_util import markdown_to_safe_html

from lit_mstar import Iteration, Problem, Response, Rollout
from lit_mstar.callbacks import SampleTable
from lit_mstar.callbacks.sample_table import table
from lit_mstar.data import DigitsSource
from lit_mstar.data.interval import share_of
from lit_mstar.rollouts.nouns import SamplingParams
from support.helpers import png
from support.scripted import ListSource, right, sums, wrong


def half_right(problem: Problem, index: int, sampling: SamplingParams) -> str:
    return wrong(problem, index) if index % 2 else right(problem, index)


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0}).Reload()


def cells(markdown: str) -> list[list[str]]:
    """The body of the table as TensorBoard shows it: rows of cells, with line breaks as \\n."""
    html = markdown_to_safe_html(markdown)
    body = html.partition("<tbody>")[2]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [[plain(cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)] for row in rows]


def plain(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"<br\s*/?>", "\n", html)))


def one(text: str, question: str = "How many?", answer: str = "7") -> Rollout:
    """A problem with one response of one step."""
    response = Response(text=text, steps=[text], answer=answer, correct=True)
    return Rollout(problem=Problem(id="p", question=question, answer=answer), responses=[response], selected=[0])


def test_every_iteration_is_in_the_event_file(evolution: Any, tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path / "events", name="", version="")
    source = DigitsSource(seed=0, train=6, validate=0, test=0)
    evolution(half_right, [SampleTable(problems=2)], source=source, max_epochs=3, logger=logger)
    logger.finalize("success")
    found = events(tmp_path / "events")
    for row in range(2):
        texts = found.Tensors(f"samples/{row}/text_summary")
        images = found.Images(f"samples/{row}")
        assert [e.step for e in texts] == [e.step for e in images] == [0, 1, 2]
        for index, (text, image) in enumerate(zip(texts, images, strict=True)):
            shown = rollouts(evolution, index)[row]
            assert text.tensor_proto.string_val[0].decode() == table(shown)
            assert np.array_equal(pixels(image.encoded_image_string), pixels(shown.problem.images[0]))
    assert "samples/2/text_summary" not in found.Tags()["tensors"]


def rollouts(evolution: Any, index: int) -> list[Rollout]:
    """An iteration's rollouts, from the ledger."""
    problems = share_of(evolution.data.source.problems("train"), 0.5, index)
    return evolution.ledger.read(Iteration(index=index, problems=problems, sampling=SamplingParams()))


def pixels(encoded: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image.convert("RGB"))


def test_problems_without_images_and_other_loggers_are_fine(evolution: Any, tmp_path: Path) -> None:
    loggers = [CSVLogger(tmp_path / "csv"), TensorBoardLogger(tmp_path / "events", name="", version="")]
    evolution(half_right, [SampleTable(problems=9)], source=ListSource(train=sums(4)), logger=loggers)
    loggers[1].finalize("success")
    tags = events(tmp_path / "events").Tags()
    assert {tag for tag in tags["tensors"] if tag.startswith("samples")} == {
        "samples/0/text_summary",
        "samples/1/text_summary",
    }
    assert tags["images"] == []


def test_only_the_first_image_is_shown(evolution: Any, tmp_path: Path) -> None:
    images = (png(color=(1, 2, 3)), png(color=(200, 0, 0)))
    problems = [Problem(id="p0", question="?", answer="1", images=images)]
    logger = TensorBoardLogger(tmp_path / "events", name="", version="")
    evolution(half_right, [SampleTable()], source=ListSource(train=problems), interval=1.0, logger=logger)
    logger.finalize("success")
    (image,) = events(tmp_path / "events").Images("samples/0")
    assert pixels(image.encoded_image_string).reshape(-1, 3).tolist() == [[1, 2, 3]] * 64


def test_rows_say_what_is_known() -> None:
    responses = [
        Response(text="a", steps=["one", "two"], answer="7", correct=True, step_scores=[0.25, 0.5], score=0.25),
        Response(text="b", steps=["three"], answer=None, correct=False, step_scores=[0.875], score=0.875),
        Response(text="c", steps=["four"], answer="8", correct=None),
    ]
    shown = cells(table(Rollout(problem=sums(1)[0], responses=responses, selected=[0])))
    assert shown == [
        ["", "no", "0.88", "three (0.88)", "None"],
        ["kept", "yes", "0.25", "one (0.25)\ntwo (0.50)", "7"],
        ["", "?", "", "four", "8"],
    ]


def test_question_and_reference_stand_above() -> None:
    html = markdown_to_safe_html(table(one("a", question="How | many <b>?", answer="7")))
    assert plain(html.partition("<table>")[0]).strip() == "How | many <b>? reference: 7"


HOSTILE = [
    "a | b",
    r"\|x\| = 3",
    "<script>alert(1)</script>",
    "<b>bold</b>",
    "&lt; is not <",
    "a < b > c & d",
    "2*3*4 = 24",
    "x_1 + y_1",
    "**bold** and __more__",
    "`code | code`",
    "![image](http://example.com/x.png)",
    "[link](http://example.com)",
    "<http://example.com>",
    r"\frac{1}{2} \\ \* \_",
    "# heading",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_shown_as_it_is(text: str) -> None:
    assert cells(table(one(text, answer=text))) == [["kept", "yes", "", text, text]]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_makes_no_element(text: str) -> None:
    html = markdown_to_safe_html(table(one(text, question=text, answer=text)))
    allowed = {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "br"}
    assert set(re.findall(r"<(\w+)", html)) <= allowed


@settings(max_examples=60, deadline=None)
@given(st.text("ab1 |\\*_`<>&[]()!#~-+.$:/\"'", min_size=1, max_size=30).filter(str.strip))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    words = text.split()
    ((_, _, _, step, answer),) = cells(table(one(text, answer=text)))
    assert (step.split(), answer.split()) == (words, words)


def test_line_ends_do_not_end_a_row() -> None:
    ((_, _, _, step, _),) = cells(table(one("a\nb\r\nc\n\n| d")))
    assert step.split() == ["a", "b", "c", "|", "d"]
