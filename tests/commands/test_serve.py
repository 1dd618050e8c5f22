from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lit_mstar.commands.serve import TokenGuard, _split, command, environment, is_loopback, wait_until_healthy
from lit_mstar.front.parsers import parser_of


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True)]
    + [("0.0.0.0", False), ("::", False), ("10.0.0.4", False), ("example.org", False)],  # noqa: S104
)
def test_only_this_machine_is_loopback(host: str, loopback: bool):
    assert is_loopback(host) == loopback


def test_the_command_line_keeps_to_loopback_and_passes_on_what_follows_the_dashes():
    own, theirs = _split(["folder", "--lora", "16", "--", "--max-num-seqs", "9"])
    line = command(parser_of("serve").parse_args(own), theirs)
    pairs = dict(zip(line, line[1:], strict=False))
    assert (pairs["--model"], pairs["--host"], pairs["--port"]) == ("folder", "127.0.0.1", "8000")
    assert (pairs["--max-lora-rank"], pairs["--limit-mm-per-prompt"]) == ("16", '{"image": 1}')
    assert line[-2:] == ["--max-num-seqs", "9"]
    assert "--max-model-len" not in line  # the model's own
    assert "--middleware" not in line


def test_the_token_is_in_the_environment_not_on_the_command_line(tmp_path: Path):
    (tmp_path / "token").write_text("secret\n")
    options = parser_of("serve").parse_args(["folder", "--token-file", str(tmp_path / "token")])
    assert environment(options)["VLLM_API_KEY"] == "secret"
    assert "secret" not in " ".join(command(options, []))
    assert "lit_mstar.commands.serve.TokenGuard" in command(options, [])


@pytest.mark.vllm
def test_a_public_address_needs_a_token():
    line = [sys.executable, "-m", "lit_mstar", "serve", "folder", "--host", "10.0.0.4"]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--host 10.0.0.4 lets others in; give a --token-file" in done.stderr


def test_a_server_that_ends_before_it_is_ready_ends_the_wait():
    server = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    server.wait()
    with pytest.raises(SystemExit, match="exit code 3 before it was ready"):
        wait_until_healthy(server, "http://127.0.0.1:9/health")


@pytest.mark.parametrize(
    ("scope", "passes"),
    [
        ({"type": "http", "path": "/health", "headers": []}, True),
        ({"type": "lifespan"}, True),
        ({"type": "http", "path": "/collective_rpc", "headers": []}, False),
        ({"type": "http", "path": "/pause", "headers": [(b"authorization", b"Bearer wrong")]}, False),
        ({"type": "http", "path": "/health/../pause", "headers": []}, False),
        ({"type": "http", "path": "/pause", "headers": [(b"authorization", b"Bearer secret")]}, True),
        ({"type": "websocket", "path": "/v1/x", "headers": []}, False),
    ],
)
def test_the_guard_lets_pass_only_who_has_the_token(
    scope: dict[str, Any], passes: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    reached, sent = [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(TokenGuard(app)(scope, None, send))
    assert bool(reached) == passes
    assert [message.get("status") for message in sent[:1]] == ([] if passes else [401])
