from __future__ import annotations

from PIL import Image

from lit_mstar import Problem, Response, Rollout
from lit_mstar.charts.followed import followed_figure
from lit_mstar.loggers.pictures import pixels

PROBLEM = Problem(id="p", question="How many $x$?", answer="7")


def texts(rollout: Rollout) -> list[str]:
    return [text.get_text() for text in followed_figure(rollout).texts]


def test_kept_come_first_and_each_row_says_what_is_known():
    responses = [
        Response(text="", steps=["one", "two"], answer="8", correct=False, step_scores=[0.25, 0.5], score=0.25),
        Response(text="", steps=["three"], answer="7", correct=True, step_scores=[0.125], score=0.125),
        Response(text="", steps=["four"], answer=None, correct=None),
    ]
    assert texts(Rollout(problem=PROBLEM, responses=responses, selected=[1])) == [
        "How many $x$?   reference: 7",
        *("right", "0.12", "kept", "three (0.12)  → 7"),
        *("wrong", "0.25", "", "one (0.25)  two (0.50)  → 8"),
        *("?", "", "", "four  → None"),
    ]


def test_what_no_font_or_formula_can_show_is_no_error():
    odd = r"$\frac{1}{$ {unbalanced 数学 \left( " + "long " * 200
    rollout = Rollout(problem=PROBLEM, responses=[Response(text=odd, steps=[odd], answer=odd, correct=True)])
    assert pixels(followed_figure(rollout, Image.new("RGB", (30, 10)))).width > 500
    assert texts(rollout)[-1].count("\n") == 2  # no more than three lines
