"""The seam: a class of one's own in ten lines, in YAML and on the command line."""

from __future__ import annotations

from typing import Any

import pytest
from jsonargparse import ArgumentParser

from lit_mstar import Problem, Response, Rollout
from lit_mstar.reasoning import FunctionGrader, Grader, RuleGrader, Verdict
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.marking import Marker


class FirstWord(Grader):
    """The first word of a text, in any case."""

    def extract(self, text: str, problem: Problem) -> str | None:
        return next(iter(text.split()), None)

    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        return Verdict(predicted is not None and predicted.lower() == str(problem.answer).lower(), "first word")


def even(predicted: str, problem: Problem) -> bool:
    return int(predicted) % 2 == 0


HERE = Problem(id="p", question="?", answer="Red", accepted=("Blue",))


def test_a_marker_uses_it_and_gives_it_the_format() -> None:
    own = ReasoningFormat(step_pattern="(?m)^- ")
    marker = Marker(own, FirstWord())
    assert marker.grader.reasoning is own
    rollout = Rollout(problem=HERE, responses=[Response(text=text) for text in ("red it is", "green", "")])
    found = [(r.answer, r.correct, r.rule) for r in marker.mark(rollout).responses]
    assert found == [("red", True, "first word"), ("green", False, "first word"), (None, False, "no answer")]


def test_two_answers_agree_where_one_would_be_right_for_the_other() -> None:
    assert FirstWord().agree("GREEN", "green", HERE)
    assert not FirstWord().agree("blue", "green", HERE)  # what the row accepts says nothing of other answers
    choices = Problem(id="p", question="?", answer="B", choices=("1", "2"), answer_type="letter")
    assert RuleGrader().agree("A", "1", choices)
    assert not RuleGrader().agree("A", "2", choices)


def test_settings_tell_graders_apart_in_every_process_alike() -> None:
    one, other = FunctionGrader(even), FunctionGrader(len)  # type: ignore[arg-type]
    assert one.settings() == FunctionGrader(even).settings() != other.settings()
    assert "even" in one.settings()
    assert " at 0x" not in one.settings()
    assert FirstWord().settings().endswith("FirstWord()")


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        (
            {"class_path": "lit_mstar.reasoning.RuleGrader", "init_args": {"units": "ignored", "tolerance": 0.1}},
            {"units": "ignored", "tolerance": 0.1},
        ),
        (
            {
                "class_path": "lit_mstar.reasoning.FunctionGrader",
                "init_args": {"function": "lit_mstar.reasoning.split_steps"},
            },
            {},
        ),
        (
            {
                "class_path": "lit_mstar.reasoning.JudgeGrader",
                "init_args": {"url": "http://127.0.0.1:1/v1", "model": "m"},
            },
            {},
        ),
    ],
)
def test_graders_are_chosen_by_class_path(given: dict[str, Any], settings: dict[str, Any]) -> None:
    parser = ArgumentParser()
    parser.add_argument("--grader", type=Grader)
    made = parser.instantiate(parser.parse_object({"grader": given})).grader
    assert type(made).__name__ == given["class_path"].rpartition(".")[2]
    assert {name: getattr(made, name) for name in settings} == settings
    spoken = ["--grader", given["class_path"]]
    for name, value in given["init_args"].items():
        spoken += [f"--grader.{name}", str(value)]
    assert type(parser.instantiate(parser.parse_args(spoken)).grader) is type(made)


def test_extractors_are_a_list_in_yaml() -> None:
    parser = ArgumentParser()
    parser.add_argument("--grader", type=Grader)
    ways = [{"class_path": f"lit_mstar.reasoning.extraction.{name}"} for name in ("Box", "Tag")]
    given = {"class_path": "lit_mstar.reasoning.RuleGrader", "init_args": {"extractors": ways}}
    made = parser.instantiate(parser.parse_object({"grader": given})).grader
    assert [type(way).__name__ for way in made.extractors] == ["Box", "Tag"]
