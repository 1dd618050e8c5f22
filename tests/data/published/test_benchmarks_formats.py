"""M3CoT, MMStar, MMBench, AI2D and Geometry3K from files in their published formats, odd cases included."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from lit_mstar.data import AI2DSource, Geometry3KSource, M3CoTSource, MMBenchSource, MMStarSource
from support.published import ai2d, geometry3k, m3cot, mmbench, mmstar, picture, struct, tsv

pytestmark = pytest.mark.filterwarnings("ignore:.*are published.*")


def test_m3cot(tmp_path: Path):
    folder = m3cot(tmp_path, [{"context": "Look."}, {"answer": "C", "rationale": "So it is green."}], split="train")
    m3cot(tmp_path, [{"answer": "D"}, {"question": "Another?"}], split="test")
    source = M3CoTSource(str(folder), most_bad=1.0)
    train = source.problems("train")
    assert [p.question for p in train] == ["Look.\nWhich one?", "Which one?"]
    assert train[1].reasoning == "So it is green.\nAnswer: C"
    assert [p.reasoning for p in source.problems("seed")] == ["It is red.\nAnswer: A", "So it is green.\nAnswer: C"]
    with pytest.warns(UserWarning, match=r"(?s)1 of 2 'test' rows.*names no option.*By part: science 1"):
        (kept,) = source.problems("test")
    assert kept.tags == {"domain": "mathematics", "topic": "natural-science", "category": "grade-8"}


@pytest.mark.parametrize(
    ("question", "asked", "choices"),
    [
        ("What?\nOptions: A: red, B: blue, C: green", "What?", ("red", "blue", "green")),
        ("What?\nOptions:\nA. one, two\nB. three", "What?", ("one, two", "three")),
        ("What?\nChoices: (A) red (B) blue", "What?", ("red", "blue")),
        ("What?\nOptions: red or blue", "What?\nOptions: red or blue", ()),
        ("Which of A and B?", "Which of A and B?", ()),
    ],
)
def test_mmstar(question: str, asked: str, choices: tuple[str, ...], tmp_path: Path):
    (found,) = MMStarSource(str(mmstar(tmp_path, [{"question": question, "answer": "B"}]))).problems("test")
    assert (found.question, found.choices, found.answer, found.answer_type) == (asked, choices, "B", "letter")
    assert found.tags == {"category": "coarse perception", "l2_category": "single"}


def test_mmbench_rotations_share_an_image_and_a_question(tmp_path: Path):
    folder = mmbench(
        tmp_path, [{"hint": "Look.", "answer": "C"}, {"options": ["yes", "no"], "answer": "B"}], rotations=2
    )
    problems = MMBenchSource(str(folder)).problems("test")
    assert [p.id for p in problems] == ["0", "1", "1000000", "1000001"]
    assert [p.tags["question"] for p in problems] == ["0", "1", "0", "1"]
    assert [p.choices for p in problems[::2]] == [("red", "blue", "green"), ("blue", "green", "red")]
    assert [p.answer for p in problems] == ["C", "B", "B", "A"]
    assert [p.images[0] for p in problems] == [picture(0), picture(1)] * 2
    assert problems[0].images[0] is problems[2].images[0]
    assert problems[0].question == "Look.\nWhich colour is number 0?"
    assert [p.id for p in MMBenchSource(str(folder), rotations=False).problems("test")] == ["0", "1"]


def test_mmbench_says_which_image_is_not_there(tmp_path: Path):
    row = {
        "index": 7,
        "question": "?",
        "A": "x",
        "B": "y",
        "answer": "A",
        "image": "5",
        "L2-category": "logic_reasoning",
    }
    gap = row | {"index": 8, "B": None, "C": "z", "image": _base64(8)}
    source = MMBenchSource(str(tsv(tmp_path / "MMBench.tsv", [row, gap])), most_bad=1.0)
    with pytest.raises(
        ValueError, match=r"(?s)image is that of row '5', which has none.*option B is empty and option C"
    ):
        source.problems("test")


def test_mmbench_without_an_index_is_a_bad_row(tmp_path: Path):
    row = {"index": "x", "question": "?", "A": "a", "B": "b", "answer": "A", "image": _base64(1)}
    file = tsv(tmp_path / "MMBench.tsv", [row, *(row | {"index": i, "question": f"{i}?"} for i in range(9))])
    for rotations in (True, False):
        with pytest.warns(UserWarning, match=r"1 of 10 'test' rows were left out:\n.*field 'index' is 'x'; it must be"):
            assert len(MMBenchSource(str(file), rotations=rotations).problems("test")) == 9


def test_ai2d_in_both_forms(tmp_path: Path):
    (found,) = AI2DSource(str(ai2d(tmp_path / "p", [{"answer": "2"}]))).problems("test")
    assert (found.answer, found.choices, found.images) == ("C", ("leaf", "root", "stem", "seed"), (picture(0),))
    lettered = {"index": 4, "question": "What?", "A": "leaf", "B": "root", "C": "", "D": "", "answer": "B"}
    file = tsv(tmp_path / "t" / "AI2D_TEST.tsv", [lettered | {"image": _base64(3)}])
    (found,) = AI2DSource(str(file.parent)).problems("test")
    assert (found.id, found.answer, found.choices, found.images) == ("4", "B", ("leaf", "root"), (picture(3),))
    with pytest.raises(ValueError, match="answer '4' is the index of no option; there are 4"):
        AI2DSource(str(ai2d(tmp_path / "q", [{"answer": "4"}])), on_bad_row="error").problems("test")


def test_geometry3k_is_two_tasks(tmp_path: Path):
    row = {"answer": "7.5", "choices": ["6", "7", "7.5", "8"], "ground_truth": "C", "id": 12, "images": [struct(4)]}
    folder = geometry3k(tmp_path, [row])
    (free,) = Geometry3KSource(str(folder)).problems("test")
    assert (free.answer, free.choices, free.question, free.id) == ("7.5", (), "<image>Find x.", "12")
    (letters,) = Geometry3KSource(str(folder), task="letters").problems("test")
    assert (letters.answer, letters.choices) == ("C", ("6", "7", "7.5", "8"))
    old = geometry3k(tmp_path / "old", [{}])
    with pytest.raises(ValueError, match="this copy has no letters; take task: free-form"):
        Geometry3KSource(str(old), task="letters", on_bad_row="error").problems("test")


def test_two_images_and_an_answer_in_persian(tmp_path: Path):
    row = {"images": [struct(1), struct(2)], "problem": "<image><image>چند؟", "answer": "۷"}
    (found,) = Geometry3KSource(str(geometry3k(tmp_path, [row]))).problems("test")
    assert (found.images, found.answer) == ((picture(1), picture(2)), "۷")


def test_a_folder_without_the_files_says_what_is_there(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=r"has no file of 'test' \(test\*.parquet, …\); there is notes.txt"):
        M3CoTSource(str(tmp_path)).problems("test")


def _base64(number: int) -> str:
    return base64.b64encode(picture(number)).decode()
