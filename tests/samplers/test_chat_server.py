"""A model behind a URL: what it is asked, what comes back, and what happens when it does not answer."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lit_mstar import Problem
from lit_mstar.data import Benchmark, BenchmarkDataModule
from lit_mstar.modules import BenchmarkModule
from lit_mstar.reasoning import RuleGrader
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import ChatServerSampler
from support.helpers import png
from support.scripted import ListSource, make_trainer, sums


class Server(ThreadingHTTPServer):
    """Adds up what it is asked; fails `failures` times first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.failures = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._reply(200, {"data": [{"id": "adder"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.tokens.append(self.headers["Authorization"])
        if self.server.failures:
            self.server.failures -= 1
            self._reply(500, {"error": "out of memory"})
            return
        self.server.asked.append(body)
        text = next(part["text"] for part in body["messages"][-1]["content"] if part["type"] == "text")
        first = text.partition(" +")[0]
        answer = f"Answer: {2 * int(first)}" if first.isdecimal() else "Answer: none"
        choice = {"message": {"content": answer}, "finish_reason": "length" if "cut" in text else "stop"}
        self._reply(200, {"choices": [choice] * body["n"]})

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def sample(sampler: ChatServerSampler, problems: list[Problem], **options: Any) -> dict[int, Any]:
    sampler.load_policy(None)  # type: ignore[arg-type]
    return dict(sampler.sample(problems, SamplingParams(**options)))


def test_what_is_asked_and_what_comes_back(server: Server, tmp_path: Path):
    (tmp_path / "token").write_text("secret\n")
    picture = png(5, 3, (9, 8, 7))
    asked = Problem(
        id="p", question="Which of <image>?", choices=("red", "blue"), images=(picture,), system="Be brief."
    )
    sampler = ChatServerSampler(server.url, prompt="{question}{choices}\nThink.", token_file=tmp_path / "token")
    found = sample(sampler, [asked], n=3, temperature=0.5, top_p=0.9, max_tokens=7, stop=("END",))
    (body,) = server.asked
    assert server.tokens == ["Bearer secret"]
    assert {name: body[name] for name in ("model", "n", "temperature", "top_p", "max_tokens", "stop")} == {
        **{"model": "adder", "n": 3, "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": ["END"]}
    }
    system, user = body["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    before, image, after = user["content"]
    assert (before["text"], after["text"]) == ("Which of ", "?\n(A) red\n(B) blue\nThink.")
    decoded = Image.open(io.BytesIO(base64.b64decode(image["image_url"]["url"].partition(",")[2])))
    assert (decoded.size, decoded.getpixel((0, 0))) == ((5, 3), (9, 8, 7))
    assert [response.text for response in found[0].responses] == ["Answer: none"] * 3
    assert {response.temperature for response in found[0].responses} == {0.5}


def test_problems_keep_their_places_and_cut_ones_are_known(server: Server):
    problems = [*sums(20), Problem(id="cut", question="cut")]
    found = sample(ChatServerSampler(server.url, at_once=4), problems, n=1)
    assert [found[i].responses[0].text for i in range(20)] == [f"Answer: {2 * i}" for i in range(20)]
    assert [found[i].responses[0].finish_reason for i in (0, 20)] == ["stop", "length"]


def test_a_failed_request_is_sent_again_and_a_dead_server_ends_it(server: Server):
    server.failures = 2
    assert len(sample(ChatServerSampler(server.url, retries=2), sums(1), n=1)) == 1
    server.failures = 99
    with pytest.raises(ConnectionError, match=r"chat/completions gave no reply \(.*500.*out of memory.*is kept"):
        sample(ChatServerSampler(server.url, retries=1), sums(1), n=1)
    with pytest.raises(ConnectionError, match=r"127.0.0.1:9/v1/models gave no reply"):
        ChatServerSampler("http://127.0.0.1:9/v1", retries=0).load_policy(None)  # type: ignore[arg-type]


def test_a_chat_does_not_go_on_from_a_prefix(server: Server):
    sampler = ChatServerSampler(server.url)
    with pytest.raises(ValueError, match="cannot go on from a prefix"):
        next(sampler.sample(sums(1), SamplingParams(), prefixes=["Step 1:"]))


def test_a_benchmark_of_a_server_needs_no_model(server: Server, tmp_path: Path):
    module = BenchmarkModule(None, ChatServerSampler(server.url), evaluation=SamplingParams(max_tokens=8))
    wrong = [Problem(id="w", question="Which?", answer="7")]
    data = BenchmarkDataModule(
        [Benchmark(name="Sums", source=ListSource(test=[*sums(3), *wrong]), grader=RuleGrader())], folder=tmp_path
    )
    make_trainer(tmp_path).test(module, data, verbose=False)
    assert data.home == tmp_path / "adder"
    assert "| **adder** | 75.0 [" in data.score(data.home)
