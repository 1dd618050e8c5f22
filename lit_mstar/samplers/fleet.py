"""Several vLLM servers as one: the least busy is asked, the lost are retried, the outdated are brought up to date.

It leaves out what is asked: `vllm_server.py` knows requests and weights, `server.py` one server, this file all of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from lit_mstar.samplers.server import RefusedError, Server

GENERATE = "/inference/v1/generate"
_LONGEST_WAIT = 30.0  # seconds between two tries, ours; half of the fleet's patience where that is less


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
