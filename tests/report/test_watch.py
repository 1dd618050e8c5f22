from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lit_mstar.report.command import made
from lit_mstar.report.watch import Server, watch
from support.reported import sampled, source, write_iteration


@pytest.fixture
def folder(run: Path, tmp_path: Path) -> Path:
    shutil.copytree(run, tmp_path / "r")
    (tmp_path / "r" / "summary.json").unlink()
    return tmp_path / "r"


@pytest.fixture
def served(folder: Path) -> Iterator[str]:
    with Server(lambda: made([folder], watched=True), [folder], 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert server.server_address[0] == "127.0.0.1"
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_the_page_follows_the_ledger(served: str, folder: Path):
    first, state = httpx.get(served).text, httpx.get(f"{served}/state").text
    assert "2 iterations" in first
    assert httpx.get(f"{served}/state").text == state
    write_iteration(folder / "4-evolve", 2, sampled(source().problems("train"), 1, 4, 7), whole=False)
    assert httpx.get(f"{served}/state").text != state
    assert "3 iterations" in httpx.get(served).text


def test_only_browsers_that_mean_this_machine_are_answered(served: str):
    assert httpx.get(served, headers={"Host": "evil.example"}).status_code == 403
    assert httpx.get(f"{served}/../secret").status_code == 404
    assert httpx.get(f"{served}/state", headers={"Host": "evil.example:80"}).status_code == 403


def test_a_port_that_is_taken_is_named(served: str, folder: Path):
    port = int(served.rpartition(":")[2])
    with pytest.raises(ValueError, match=f"Port {port} cannot be had .* --port 0"):
        watch(lambda: made([folder]), [folder], port)


@pytest.mark.slow
def test_a_page_that_is_open_says_when_there_is_something_new(served: str, folder: Path, browser: Any):
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(served)
    page.wait_for_selector("body[data-ready]")
    with page.expect_response(f"{served}/state"):
        pass  # what there is now is known
    write_iteration(folder / "4-evolve", 2, sampled(source().problems("train"), 1, 4, 7), whole=False)
    page.click("#reload")  # as soon as it is there
    page.wait_for_selector("text=3 iterations")
    assert said == []
    page.close()
