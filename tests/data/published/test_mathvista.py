"""MathVista's fields: options that look like letters, units, precision, and two ways to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar.data import MathVistaSource
from lit_mstar.reasoning import RuleGrader
from support.published import mathvista, picture

ROWS = [
    {"choices": ["(c)", "(d)", "(a)", "(b)"], "answer": "(a)"},
    {"question": "How long?", "answer": "1.5", "answer_type": "float", "precision": 1.0, "unit": "cm"},
    {"question": "Which two?", "answer": "[1, 2]", "answer_type": "list"},
    {"question": "How many?"},
    {"question": "Outside", "choices": ["red", "blue"], "answer": "green"},
]


@pytest.fixture
def source(tmp_path: Path) -> MathVistaSource:
    return MathVistaSource(str(mathvista(tmp_path, ROWS)), most_bad=1.0)


def test_fields(source: MathVistaSource):
    with pytest.warns(UserWarning, match="5 'testmini' rows, and 1000 are published"):
        problems = source.problems("test")
    assert [p.answer for p in problems] == ["(a)", "1.5", "[1, 2]", "3"]
    assert [p.answer_type for p in problems] == ["option", "number", "list", "number"]
    assert [(p.precision, p.unit) for p in problems] == [(None, None), (1, "cm"), (None, None), (None, None)]
    assert [p.images for p in problems] == [(picture(i),) for i in range(4)]
    assert problems[0].tags["task"] == "figure question answering"
    assert problems[1].tags | {"category": ""} == {
        "question_type": "free_form",
        "answer_type": "float",
        "task": "math word problem",
        "category": "",
        "grade": "daily life",
        "source": "CLEVR-Math",
    }
    (bad,) = source.dropped["test"]
    assert "'green', which names no option" in bad.why
    assert bad.part == "CLEVR-Math"


@pytest.mark.filterwarnings("ignore")
def test_an_option_that_looks_like_a_letter_is_its_text(source: MathVistaSource):
    problem = source.problems("test")[0]
    grader = RuleGrader()
    assert [grader.matches(answer, problem).correct for answer in ("C", "(a)", "A", "(c)")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.filterwarnings("ignore")
def test_the_published_query_is_asked_alone(tmp_path: Path):
    (problem, *_) = MathVistaSource(str(mathvista(tmp_path, ROWS)), ask="query", most_bad=1.0).problems("test")
    assert problem.question == "Hint: Please answer.\nQuestion: How many?"
    assert problem.prompt == "{question}"


def test_a_single_file_and_a_missing_one(tmp_path: Path):
    folder = mathvista(tmp_path, ROWS[1:4])
    (file,) = (folder / "data").iterdir()
    with pytest.warns(UserWarning, match="published"):
        assert len(MathVistaSource(str(file)).problems("test")) == 3
    with pytest.raises(ValueError, match=r"gone does not exist; correct MathVistaSource.path"):
        MathVistaSource(str(tmp_path / "gone")).problems("test")
    assert MathVistaSource(str(file)).problems("train") == []


def test_a_folder_that_is_missing_beside_others_is_no_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"data/MathVista does not exist; correct MathVistaSource.path"):
        MathVistaSource("data/MathVista").problems("test")
