"""Described classes become objects; what is wrong in them is one error."""

from __future__ import annotations

import pytest

from lit_mstar.commands.instantiate import instantiate
from lit_mstar.data import DigitsSource, MixtureSource
from lit_mstar.data.sources.source import ProblemSource

DIGITS = {"class_path": "lit_mstar.data.DigitsSource", "init_args": {"seed": 3, "train": 4, "validate": 2, "test": 2}}


def test_classes_within_classes_are_made_and_other_names_passed_over() -> None:
    mixture = {"class_path": "lit_mstar.data.MixtureSource", "init_args": {"sources": [DIGITS]}}
    found = instantiate({"one": ProblemSource, "many": MixtureSource}, {"one": DIGITS, "many": mixture, "trainer": 1})
    wanted = [problem.question for problem in DigitsSource(seed=3, train=4, validate=2, test=2).problems("train")]
    assert [problem.question for problem in found.one.problems("train")] == wanted
    assert sorted(problem.question for problem in found.many.problems("train")) == sorted(wanted)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (DIGITS | {"init_args": {"seeds": 3}}, "^made: Option 'seeds' is not accepted$"),
        (DIGITS | {"init_args": {"seed": "three"}}, "^made.seed: must be int, not three$"),
        ({"class_path": "lit_mstar.data.DigitSource"}, "^made: .*no attribute 'DigitSource'$"),
        ({"class_path": "lit_mstar.Problem", "init_args": {"id": "1"}}, "^made: .*Problem"),
    ],
)
def test_what_is_wrong_is_named(described: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        instantiate({"made": ProblemSource}, {"made": described})
