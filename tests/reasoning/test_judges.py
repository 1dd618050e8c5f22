"""A function, and a language model behind a real local server."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lit_mstar import Problem
from lit_mstar.reasoning import FunctionGrader, JudgeGrader

HERE = Problem(id="p", question="Which colour?", answer="red")


class Server(ThreadingHTTPServer):
    """Replies what it is told, and keeps what it was asked."""

    reply: Any = "yes"
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body, self.headers.get("authorization")))
        reply = self.server.reply
        text = (
            reply if isinstance(reply, bytes) else json.dumps({"choices": [{"message": {"content": reply}}]}).encode()
        )
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.parametrize(
    ("reply", "correct"), [("yes", True), ("Yes.", True), ("**No**, it is not", False), ("no", False)]
)
def test_a_judge_says_yes_or_no(server: Server, reply: str, correct: bool) -> None:
    server.reply = reply
    verdict = JudgeGrader(server.url, "judge").matches("crimson", HERE)
    assert (verdict.correct, verdict.rule) == (correct, f"judge: {'yes' if correct else 'no'}")
    ((path, body, token),) = server.asked
    assert (path, body["model"], body["temperature"], token) == ("/v1/chat/completions", "judge", 0, None)
    said = body["messages"][0]["content"]
    assert all(part in said for part in ("Which colour?", "Reference answer: red", "Given answer: crimson"))


@pytest.mark.parametrize(
    ("reply", "status"), [("I think so", 200), ("", 200), (b"no JSON", 200), (b"[]", 200), (None, 200), ("yes", 500)]
)
def test_what_is_unclear_is_wrong_and_said_once(server: Server, reply: Any, status: int) -> None:
    server.reply, server.status = reply, status
    judge = JudgeGrader(server.url, "judge")
    with pytest.warns(UserWarning, match="An answer counts as wrong because"):
        assert judge.matches("crimson", HERE).correct is False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert judge.matches("scarlet", HERE).rule == "judge: unclear"


def test_a_server_that_is_not_there_judges_nothing_right() -> None:
    with Server() as gone:
        url = gone.url
    with pytest.warns(UserWarning, match="gave no reply"):
        assert JudgeGrader(url, "judge", timeout=5).matches("crimson", HERE).correct is False


def test_it_is_asked_once_and_only_where_rules_do_not_settle_it(server: Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    judge = JudgeGrader(server.url, "judge", token_file=tmp_path / "token")
    assert judge.matches("Red", HERE).rule == "same text"
    assert judge.matches(None, HERE).correct is False
    assert judge.matches("  ", HERE).correct is False
    assert server.asked == []
    assert [judge.matches("crimson", HERE).correct for _ in range(3)] == [True] * 3
    assert [token for _, _, token in server.asked] == ["Bearer secret"]


def test_braces_in_answers_mean_nothing(server: Server) -> None:
    JudgeGrader(server.url, "judge").matches("{reference} {question}", HERE)
    assert "Given answer: {reference} {question}" in server.asked[0][1]["messages"][0]["content"]


def test_a_prompt_needs_both_answers() -> None:
    with pytest.raises(ValueError, match="must contain {answer}"):
        JudgeGrader("http://127.0.0.1:1", "judge", prompt="Is it {reference}?")


def test_a_function_is_asked_of_answers_only() -> None:
    asked: list[str] = []

    def starts_with_r(predicted: str, problem: Problem) -> bool:
        asked.append(predicted)
        return predicted.startswith("r")

    grader = FunctionGrader(starts_with_r)
    verdicts = [grader.matches(text, HERE) for text in ("rot", "blau", None, " ")]
    assert [verdict.correct for verdict in verdicts] == [True, False, False, False]
    assert [verdict.rule for verdict in verdicts] == ["starts_with_r", "starts_with_r", "no answer", "no answer"]
    assert asked == ["rot", "blau"]
    assert grader.extract("Step 1: x.\nAnswer: rot", HERE) == "rot"
