"""One vLLM server: what it is asked, how it gets weights, and which of its errors are whose fault.

It leaves out what to do about them: a server that is gone ends the run, which goes on from its ledger.
"""

from __future__ import annotations

import base64
import io
import socket
from pathlib import Path
from typing import Any

import httpx

from lit_mstar.rollouts.images import open_image

_IDLE = 2.0  # seconds an idle connection is kept, ours: below vLLM's 5, or a request may meet one that just closed
# Ours: tries to connect again, within 7.5 s where the answer is no, within a minute where there is none.
_RECONNECTS = 5

# A machine that goes does not say goodbye: ask the kernel to look after 15 s, and to give up after as many again.
_KEEPALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
]


class RefusedError(RuntimeError):
    """A server understood a request and will not answer it; another would not either."""


class Server:
    """One server.

    Args:
        url: Its root, without `/v1`.
        token: Sent as a bearer token, if there is one.
        timeout: Seconds to wait for one answer.
    """

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=_IDLE)
        transport = httpx.HTTPTransport(limits=limits, socket_options=_KEEPALIVE, retries=_RECONNECTS)
        self._client = httpx.Client(
            base_url=self.url, headers=headers, timeout=httpx.Timeout(timeout, connect=10.0), transport=transport
        )

    def call(self, path: str, body: Any = None, method: str = "POST", **params: str) -> Any:
        """One request; returns the answer's JSON, or None where it is none.

        Raises:
            RefusedError: For status 400.
            RuntimeError: For any other status below 500: it is no server of ours, or not started as it should be.
            ConnectionError: If the server is away or broken.
        """
        try:
            response = self._client.request(method, path, json=body, params=params)
        except httpx.HTTPError as error:
            raise self._gone(path, f"did not answer ({type(error).__name__}: {error})") from error
        if response.is_error:
            raise self._error(path, response)
        return response.json() if "json" in response.headers.get("content-type", "") else None

    def version(self) -> str:
        """The label of the weights that it has."""
        return str(self.call("/weight_info", method="GET")["weight_version"])

    def load_weights(self, folder: Path, version: str) -> None:
        """Takes a whole checkpoint in place of the weights it has."""
        self.call("/pause", {}, mode="wait")
        try:
            self.call("/update_weight_version", {"new_version": "updating"})  # should it fail half-way
            self.call("/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}})
            # Whatever was computed with the old weights must go: keys and values, and embeddings of images.
            for path in ("/reset_prefix_cache", "/reset_encoder_cache", "/reset_mm_cache"):
                self.call(path, {})
            self.call("/update_weight_version", {"new_version": version})
        finally:
            self.call("/resume", {})

    def load_adapter(self, folder: Path, version: str) -> None:
        """Takes an adapter, as the model `policy-VERSION`, in place of other policies' adapters."""
        for old in self.call("/v1/models", method="GET")["data"]:
            if old["id"].startswith("policy-"):
                self.call("/v1/unload_lora_adapter", {"lora_name": old["id"]})
        self.call("/v1/load_lora_adapter", {"lora_name": f"policy-{version}", "lora_path": str(folder)})
        self.call("/update_weight_version", {"new_version": version})

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()

    def _error(self, path: str, response: httpx.Response) -> Exception:
        said = f"answered {response.status_code} ({_message(response)})"
        if response.status_code >= 500:
            return self._gone(path, said)
        if response.status_code == httpx.codes.BAD_REQUEST:
            return RefusedError(f"{self.url}{path} {said}.")
        return RuntimeError(
            f"{self.url}{path} {said}. Start the server by `lit-mstar serve`, which sets what is needed; give its "
            "token in VLLMServerSampler.token_file, and a sync_dir that it can read. If it was restarted meanwhile, "
            "run the same again."
        )

    def _gone(self, path: str, said: str) -> ConnectionError:
        return ConnectionError(
            f"{self.url}{path} {said}. What was sampled is kept: start the server again by `lit-mstar serve`, then run "
            "the same again. For engines that come and go, take RaySampler."
        )


def data_url(image: str | bytes) -> str:
    """An image as servers take it, whatever file it is in: PNG, within a URL."""
    buffer = io.BytesIO()
    open_image(image).save(buffer, format="PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _message(response: httpx.Response) -> str:
    try:
        error = response.json().get("error", {})
        return str(error.get("message") if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        return response.text[:200]
