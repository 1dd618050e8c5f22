"""A function and a language model as graders; the model is a small server of this process."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from lit_mstar import Problem
from lit_mstar.reasoning.extraction import Box, Label
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.grader import Grader, Verdict
from lit_mstar.reasoning.judges import FunctionGrader, JudgeGrader
from lit_mstar.reasoning.rules import RuleGrader

PROBLEM = Problem(id="p", question="Which {answer}?", answer="crimson")
UNCLEAR = Verdict(False, "judge: unclear")


def first_letter(answer: str, problem: Problem) -> bool:
    return answer[0] == str(problem.answer)[0]


class Judge(ThreadingHTTPServer):
    """Replies with `reply`, status and text, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply: tuple[int, str] = (200, "yes")
        self.asked: list[dict[str, object]] = []
        self.tokens: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/"

    def says(self, text: str) -> None:
        self.reply = 200, json.dumps({"choices": [{"message": {"content": text}}]})


class Handler(BaseHTTPRequestHandler):
    server: Judge

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, **body})
        self.server.tokens.append(self.headers["Authorization"])
        status, text = self.server.reply
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def judge() -> Iterator[Judge]:
    with Judge() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("answer", "expected"), [("cat", True), ("dog", False)])
def test_a_function_is_asked(answer: str, expected: bool) -> None:
    assert FunctionGrader(first_letter).matches(answer, PROBLEM) == Verdict(expected, "first_letter")


@pytest.mark.parametrize("answer", [None, "", " \n"])
def test_nobody_is_asked_about_a_missing_answer(judge: Judge, answer: str | None) -> None:
    asked: list[object] = []
    grader = FunctionGrader(lambda *question: asked.append(question) or True)
    assert grader.matches(answer, PROBLEM) == Verdict(False, "no answer")
    assert JudgeGrader(judge.url, "m").matches(answer, PROBLEM).correct is False
    assert (asked, judge.asked) == ([], [])


def test_both_find_answers_by_rules() -> None:
    for grader in (
        FunctionGrader(first_letter, RuleGrader([Box()])),
        JudgeGrader("http://x", "m", rules=RuleGrader([Box()])),
    ):
        assert grader.extract("\\boxed{4}\nAnswer: 5", PROBLEM) == "4"
    grader = FunctionGrader(first_letter, RuleGrader([Label()]))
    grader.reasoning = ReasoningFormat(answer_pattern="(?m)^=> (.*)$")
    assert grader.extract("=> 4\nAnswer: 5", PROBLEM) == "4"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("yes", Verdict(True, "judge: yes")),
        ("Yes.", Verdict(True, "judge: yes")),
        ("**YES**, it does", Verdict(True, "judge: yes")),
        ("no", Verdict(False, "judge: no")),
        ("No, yes would be wrong", Verdict(False, "judge: no")),
    ],
)
def test_what_a_judge_says(judge: Judge, said: str, verdict: Verdict) -> None:
    judge.says(said)
    assert JudgeGrader(judge.url, "m").matches("deep red", PROBLEM) == verdict


def test_what_a_judge_is_asked(judge: Judge, tmp_path: Path) -> None:
    judge.says("yes")
    (tmp_path / "token").write_text("secret\n")
    grader = JudgeGrader(judge.url, "m", "{question}|{reference}|{answer}", token_file=tmp_path / "token")
    grader.matches("{reference}", PROBLEM)
    message = {"role": "user", "content": "Which {answer}?|crimson|{reference}"}
    path = "/v1/chat/completions"
    assert judge.asked == [{"path": path, "model": "m", "messages": [message], "temperature": 0, "max_tokens": 8}]
    assert judge.tokens == ["Bearer secret"]


@pytest.mark.parametrize(
    "reply",
    [(200, json.dumps({"choices": [{"message": {"content": said}}]})) for said in ("I think so", "yesterday", "", None)]
    + [(500, "oops"), (200, "<html>"), (200, "{}"), (200, '{"choices": []}'), (200, "[]"), (200, "null"), (404, "{}")],
)
def test_an_unclear_reply_is_never_right_and_is_reported_once(judge: Judge, reply: tuple[int, str]) -> None:
    judge.reply = reply
    grader = JudgeGrader(judge.url, "m")
    with pytest.warns(UserWarning, match="An answer counts as wrong because") as caught:
        verdicts = [grader.matches(answer, PROBLEM) for answer in ("deep red", "dark red")]
    assert verdicts == [UNCLEAR, UNCLEAR]
    assert len(caught) == 1


def test_a_judge_that_is_not_there_says_nothing(judge: Judge) -> None:
    url = "http://127.0.0.1:1/v1"
    with pytest.warns(UserWarning, match="gave no reply"):
        assert JudgeGrader(url, "m", timeout=5.0).matches("deep red", PROBLEM) == UNCLEAR


def test_a_judge_is_asked_once_and_only_where_rules_do_not_say_right(judge: Judge) -> None:
    judge.says("yes")
    grader = JudgeGrader(judge.url, "m")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert grader.matches("Crimson", PROBLEM) == Verdict(True, "same text")
        assert judge.asked == []
        for _ in range(3):
            assert grader.matches("deep red", PROBLEM).correct
        assert len(judge.asked) == 1
        grader.matches("dark red", PROBLEM)
    assert len(judge.asked) == 2


@pytest.mark.parametrize("prompt", ["{answer}", "{reference}", ""])
def test_a_prompt_needs_both_answers(prompt: str) -> None:
    with pytest.raises(ValueError, match=r"JudgeGrader\.prompt is .*; it must contain \{"):
        JudgeGrader("http://x", "m", prompt)


def made(*arguments: str) -> Grader:
    """What a command line makes, as Lightning's does."""
    parser = ArgumentParser()
    parser.add_argument("--config", action="config")
    parser.add_argument("--grader", type=Grader)
    return parser.instantiate(parser.parse_args(list(arguments))).grader


@pytest.fixture
def my_rewards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The import path of a user's function."""
    (tmp_path / "my_rewards.py").write_text(
        "def shorter(answer, problem):\n    return len(answer) < len(problem.answer)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "my_rewards.shorter"


def test_graders_from_yaml(tmp_path: Path, my_rewards: str) -> None:
    config = tmp_path / "config.yaml"
    ways = "[{class_path: lit_mstar.reasoning.extraction.Box}]"
    config.write_text(f"grader:\n  class_path: lit_mstar.reasoning.RuleGrader\n  init_args:\n    extractors: {ways}\n")
    assert made(f"--config={config}").extract("\\boxed{4}\nAnswer: 5", PROBLEM) == "4"
    config.write_text(
        f"grader:\n  class_path: lit_mstar.reasoning.FunctionGrader\n  init_args:\n    function: {my_rewards}\n"
        f"    rules:\n      class_path: lit_mstar.reasoning.RuleGrader\n      init_args: {{extractors: {ways}}}\n"
    )
    grader = made(f"--config={config}")
    assert (grader.matches("x", PROBLEM), grader.extract("Answer: 5", PROBLEM)) == (Verdict(True, "shorter"), None)


def test_graders_from_the_command_line(my_rewards: str) -> None:
    grader = made("--grader=lit_mstar.reasoning.RuleGrader", "--grader.precision=2", "--grader.units=ignored")
    assert (grader.precision, grader.units) == (2, "ignored")
    grader = made("--grader.class_path=lit_mstar.reasoning.FunctionGrader", f"--grader.function={my_rewards}")
    assert grader.matches("crimson", PROBLEM) == Verdict(False, "shorter")
    grader = made("--grader=lit_mstar.reasoning.JudgeGrader", "--grader.url=http://x/v1/", "--grader.model=m")
    assert (grader.url, grader.model) == ("http://x/v1", "m")
