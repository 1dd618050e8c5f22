"""Statistics against counting by hand, on rows with one fault of each kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lit_mstar import Problem, TinyBackbone
from lit_mstar.data import DigitsSource, JsonlSource
from lit_mstar.data.inspection.statistics import Spread, Statistics, answer_kind, statistics
from lit_mstar.data.inspection.tables import reasons, values
from support.helpers import png
from support.jsonl import write

pytestmark = pytest.mark.filterwarnings("ignore:.*rows were left out.*")


@pytest.fixture
def found(tmp_path: Path) -> Statistics:
    (tmp_path / "a.png").write_bytes(png(10, 20))
    (tmp_path / "b.png").write_bytes(png(30, 40))
    train: list[Any] = [
        {"question": "1234", "answer": 7, "image": "a.png"},
        {"question": "12345678", "answer": "12 345 678", "images": ["a.png", "b.png"]},
        {"question": "Which?", "answer": "B", "choices": ["x", "y", "z"]},
        {"id": "again", "question": "Which?", "answer": "B", "choices": ["x", "y", "z"]},
        {"question": "gone", "answer": "1", "image": "gone.png"},
        {"question": "held", "answer": "1"},
        {"question": "no answer"},
        "{broken",
    ]
    test = [{"question": "held", "answer": "1"}]
    more = [{"question": "Which?", "answer": "B", "choices": ["x", "y", "z"], "id": "u"}, {"question": "unknown"}]
    files = {"train": write(tmp_path, *train), "test": write(tmp_path, *test, name="test.jsonl")}
    files["unlabeled"] = write(tmp_path, *more, name="more.jsonl")
    return statistics(JsonlSource(**files, on_bad_row="skip", most_bad=1.0))


def test_counts(found: Statistics):
    train = found.splits["train"]
    assert (train.problems, len(train.dropped), train.same_question) == (4, 4, 1)
    assert train.answers == {"number": 2, "choice": 2}
    assert train.choices == {0: 2, 3: 2}
    assert train.images == {1: 1, 2: 1, 0: 2}
    assert train.widths == Spread(2, 10, 10, 10, 30)
    assert train.heights == Spread(2, 20, 20, 20, 40)
    assert train.prompts is not None
    assert (train.prompts.least, train.prompts.most) == (1, 3)  # "1234"; "Which?" and "xyz" are 9 characters
    assert train.reasoning is None
    assert found.splits["unlabeled"].unanswered == 1
    assert set(found.splits) == {"train", "test", "unlabeled"}


def test_why_rows_were_dropped(found: Statistics):
    assert reasons(found.splits["train"]) == {
        "image missing": 1,
        "in a held-out split, too": 1,
        "field 'answer' is missing": 1,
        "not valid JSON in": 1,
    }


def test_what_is_in_two_splits(found: Statistics):
    ((pair, (count, example)),) = found.overlaps.items()
    assert (pair, count) == (("train", "unlabeled"), 1)
    assert example.endswith("more.jsonl:1")


def test_as_values_they_are_json(found: Statistics):
    plain = json.loads(json.dumps(values(found)))
    assert plain["splits"]["train"]["answers"] == {"number": 2, "choice": 2}
    assert plain["splits"]["train"]["dropped"]["rows"] == 4
    assert plain["overlaps"]["train and unlabeled"]["problems"] == 1


def test_a_model_counts_tokens_images_included(tiny_backbone: TinyBackbone):
    source = DigitsSource(train=5, validate=0, test=0, seed=3)
    found = statistics(source, tiny_backbone.encoder, "tiny")
    lengths = [int(tiny_backbone.encoder.prompts([p])["attention_mask"].sum()) for p in source.problems("train")]
    prompts = found.splits["train"].prompts
    assert prompts is not None
    assert (prompts.least, prompts.most) == (min(lengths), max(lengths))
    reasoning = found.splits["seed"].reasoning
    assert reasoning is not None
    assert reasoning.most == max(len(tiny_backbone.encoder.text_ids(str(p.reasoning))) for p in source.problems("seed"))


def test_a_split_that_cannot_be_read_is_said(tmp_path: Path):
    found = statistics(JsonlSource(train=tmp_path / "none.jsonl"))
    assert "none.jsonl does not exist" in found.failed["train"]
    assert found.splits == {}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("12", "number"),
        ("3/4", "number"),
        ("12 cm", "number"),
        ("yes", "word"),
        ("1, 2", "list"),
        ("x + 1", "expression"),
    ],
)
def test_kinds_of_answers(answer: str, kind: str):
    assert answer_kind(Problem(id="p", question="?", answer=answer)) == kind
    assert answer_kind(Problem(id="p", question="?", answer=answer, choices=("a", "b"))) == "choice"
    assert answer_kind(Problem(id="p", question="?")) == "none"


def test_quantiles():
    assert Spread.of([]) is None
    assert Spread.of([*range(101)]) == Spread(101, 0, 50, 95, 100)
