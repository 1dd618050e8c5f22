"""Several vLLM servers as one: the least busy is asked, the lost are retried, the outdated are brought up to date.

It leaves out what is asked: `vllm_server.py` knows requests and weights, this file only servers.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

GENERATE = "/inference/v1/generate"
_IDLE = 2.0  # seconds an idle connection is kept, ours: below vLLM's 5, or a request may meet one that just closed
_LONGEST_WAIT = 30.0  # seconds between two tries, ours; half of the fleet's patience where that is less

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


class Fleet:
    """Servers with the same weights.

    Args:
        urls: At least one.
        token: Bearer token of all of them.
        timeout: Seconds to wait for one answer.
        patience: Seconds without any server before giving up.
    """

    def __init__(self, urls: Sequence[str], token: str | None, timeout: float, patience: float) -> None:
        self.servers = [Server(url, token, timeout) for url in urls]
        self.patience = patience
        self._longest_wait = min(_LONGEST_WAIT, patience / 2)  # so that patience has time for a second try
        self._update: Callable[[Server], None] | None = None
        self._version = ""
        self._change = threading.Condition()

    def publish(self, version: str, update: Callable[[Server], None]) -> None:
        """Makes `version` the one to have; `update` brings it to one server. Servers that come back get it then.

        Raises:
            ConnectionError: If no server could be reached.
            RuntimeError: If a server refuses the update.
        """
        self._version, self._update = version, update
        self.verify()

    def verify(self) -> None:
        """Asks every server for its weight version and updates those that have another.

        Raises:
            ConnectionError: If no server could be reached.
        """
        since = time.monotonic()
        while True:
            for server in self.servers:
                try:
                    server.version = server.call("/weight_info", method="GET")["weight_version"]
                    self._refresh(server)
                    self._found(server)
                except httpx.HTTPError as error:
                    self._lost(server, error)
            if self.live():
                return
            with self._lent(since):
                pass  # waits until it is time for another try, as long as patience lasts

    def live(self) -> list[Server]:
        """The servers that answered when they were last asked."""
        return [server for server in self.servers if not server.failures]

    def ask(self, body: dict[str, Any], server: Server | None = None) -> dict[str, Any]:
        """One generate request, by the least busy server or by the given one; any thread may call it.

        Raises:
            RefusedError: If it cannot be answered.
            ConnectionError: If no server is left.
        """
        since = time.monotonic()
        while True:
            with self._lent(since, server) as chosen:
                try:
                    self._refresh(chosen)
                    answer: dict[str, Any] = chosen.call(GENERATE, body)
                    self._found(chosen)
                except httpx.HTTPError as error:
                    self._lost(chosen, error)
                    continue
            spans = [span for choice in answer["choices"] for span in choice["weight_versions"] or []]
            if all(span["version"] == self._version for span in spans):
                return answer
            chosen.version = ""  # restarted since: what it said came from other weights

    def close(self) -> None:
        """Closes all connections."""
        for server in self.servers:
            server.close()

    def _refresh(self, server: Server) -> None:
        with server.updating:
            if self._update is not None and server.version != self._version:
                try:
                    self._update(server)
                except RefusedError as error:  # of the weights: no fault of the problem that was to be asked
                    raise RuntimeError(
                        f"{server.url} refused the policy's weights ({error}). Start it by `lit-mstar serve` with the "
                        "policy's base model."
                    ) from error
                server.version = self._version

    @contextmanager
    def _lent(self, since: float, server: Server | None = None) -> Iterator[Server]:
        chosen = self._borrow(since, server)
        try:
            yield chosen
        finally:
            with self._change:
                chosen.outstanding -= 1
                self._change.notify_all()

    def _borrow(self, since: float, server: Server | None = None) -> Server:
        """The least busy server; waits while all are lost and raises when patience, which began `since`, ends."""
        candidates = [server] if server else self.servers
        with self._change:
            while True:
                now = time.monotonic()
                if ready := [s for s in candidates if s.retry_at <= now]:
                    chosen = min(ready, key=lambda s: (s.failures > 0, s.outstanding))
                    if chosen.failures:
                        chosen.retry_at = now + self._longest_wait  # one request at a time tries whether it is back
                    chosen.outstanding += 1
                    return chosen
                if all(s.failures and now - max(s.lost_since, since) >= self.patience for s in candidates):
                    raise ConnectionError(self._farewell(candidates))
                self._change.wait(min(1.0, max(0.05, min(s.retry_at for s in candidates) - now)))

    def _found(self, server: Server) -> None:
        with self._change:
            server.failures, server.retry_at, server.error = 0, 0.0, ""
            self._change.notify_all()

    def _lost(self, server: Server, error: Exception) -> None:
        with self._change:
            now = time.monotonic()
            server.lost_since = server.lost_since if server.failures else now
            server.failures += 1
            server.version, server.error = "", f"{type(error).__name__}: {error}"
            server.retry_at = now + min(self._longest_wait, 0.25 * 2**server.failures)
            self._change.notify_all()

    def _farewell(self, servers: Sequence[Server]) -> str:
        errors = "; ".join(f"{server.url} ({server.error})" for server in servers)
        return (
            f"No server answered for {self.patience:g} s: {errors}. Start one by `lit-mstar serve`, then run the same "
            "again: what was sampled is kept."
        )


def _message(response: httpx.Response) -> str:
    try:
        error = response.json().get("error", {})
        return str(error.get("message") if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        return response.text[:200]
