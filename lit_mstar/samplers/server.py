"""One vLLM server: what it is asked, what is known about it, and which of its errors are whose fault.

It leaves out what to do about them: `fleet.py` knows of other servers.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

import httpx

_IDLE = 2.0  # seconds an idle connection is kept, ours: below vLLM's 5, or a request may meet one that just closed

# A machine that goes does not say goodbye: ask the kernel to look after 15 s, and to give up after as many again.
_KEEPALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
]


class RefusedError(Exception):
    """A server understood a request and will not answer it; another would not either."""


class Server:
    """One server and what is known about it.

    Args:
        url: Its root, without `/v1`.
        token: Sent as a bearer token, if there is one.
        timeout: Seconds to wait for one answer.
    """

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=_IDLE)
        transport = httpx.HTTPTransport(limits=limits, socket_options=_KEEPALIVE)
        self._client = httpx.Client(
            base_url=self.url, headers=headers, timeout=httpx.Timeout(timeout, connect=10.0), transport=transport
        )
        self.outstanding = 0
        self.failures = 0  # in a row
        self.lost_since = 0.0  # when the first of them happened, on the monotonic clock
        self.retry_at = 0.0  # on the monotonic clock
        self.error = ""
        self.version = ""  # of the weights that it was last known to have
        self.updating = threading.Lock()

    def call(self, path: str, body: Any = None, method: str = "POST", **params: str) -> Any:
        """One request; returns the answer's JSON, or None where it is none.

        Raises:
            RefusedError: For status 400.
            RuntimeError: For any other status below 500: it is no server of ours, or not started as it should be.
            httpx.HTTPError: If the server is away or broken.
        """
        response = self._client.request(method, path, json=body, params=params)
        if response.status_code == httpx.codes.BAD_REQUEST:
            raise RefusedError(_message(response))
        if 400 <= response.status_code < 500:
            raise RuntimeError(
                f"{self.url}{path} answered {response.status_code} ({_message(response)}). Start the server by "
                "`lit-mstar serve`, which sets what is needed, and give its token in VLLMServerSampler.token_file."
            )
        if response.is_error:
            said = f"{path} answered {response.status_code} ({_message(response)})"
            raise httpx.HTTPStatusError(said, request=response.request, response=response)
        return response.json() if "json" in response.headers.get("content-type", "") else None

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()


def _message(response: httpx.Response) -> str:
    try:
        error = response.json().get("error", {})
        return str(error.get("message") if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        return response.text[:200]
