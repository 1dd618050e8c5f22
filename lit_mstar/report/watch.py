"""A page that follows a run: served on loopback, made anew when the run has something new and somebody asks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from lit_mstar.report.page import Page, rendered

_FOLLOWED = ("**/_iteration.json", "**/iteration=*/*.parquet", "**/summary.json", "**/tested.parquet")
_HOST = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """Serves one page and, as text, a digest of what it shows.

    Args:
        make: Makes the page.
        folders: Of the runs.
        port: 0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, make: Callable[[], Page], folders: Sequence[Path], port: int) -> None:
        super().__init__((_HOST, port), _Handler)
        self.folders = folders
        self._make = make
        self._lock = Lock()
        self._made: tuple[str, str] = ("", "")

    def page(self) -> str:
        """The page as it is now; made once for each state of the run."""
        with self._lock:
            state = state_of(self.folders)
            if self._made[0] != state:
                self._made = (state, rendered(self._make()))
            return self._made[1]


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        """Answers browsers on this machine; a page of another name that leads here is none of them."""
        port = self.server.server_address[1]
        if self.headers.get("Host") not in (f"{_HOST}:{port}", f"localhost:{port}"):
            self.send_error(403, "This server answers by its own address only.")
        elif self.path == "/state":
            self._answer(state_of(self.server.folders), "text/plain")
        elif self.path == "/":
            self._answer(self.server.page(), "text/html")
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: it is asked every few seconds."""

    def _answer(self, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def watch(make: Callable[[], Page], folders: Sequence[Path], port: int) -> None:
    """Serves the page until Ctrl-C.

    Raises:
        ValueError: If the port is taken.
    """
    try:
        server = Server(make, folders, port)
    except OSError as error:
        raise ValueError(
            f"Port {port} cannot be had ({error.strerror}); name another: --port 0 takes a free one."
        ) from None
    with server:
        server.page()  # what is wrong is said before anybody asks
        print(f"http://{_HOST}:{server.server_address[1]}/ follows the run; Ctrl-C ends it.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def state_of(folders: Sequence[Path]) -> str:
    """A digest of the names, times and sizes of what a page is made from."""
    return hashlib.sha256("\n".join(sorted(_files(folders))).encode()).hexdigest()[:16]


def _files(folders: Sequence[Path]) -> Iterator[str]:
    for file in (file for folder in folders for pattern in _FOLLOWED for file in folder.glob(pattern)):
        try:
            seen = file.stat()
        except FileNotFoundError:  # replaced meanwhile
            continue
        yield f"{file} {seen.st_mtime_ns} {seen.st_size}"
