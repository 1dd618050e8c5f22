"""Makes the pictures of README and documents from a run: `nox -s screenshots -- runs/quickstart`.

It writes the run's report, opens it in Chromium on a desktop (light) and on a phone (dark), and TensorBoard beside it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
DESKTOP, PHONE, WIDE = {"width": 1180, "height": 1140}, {"width": 390, "height": 1300}, {"width": 1180, "height": 860}


def main(run: Path) -> None:
    """Takes all of them."""
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as driver:
        page = Path(folder) / "report.html"
        subprocess.run([sys.executable, "-m", "lit_mstar", "report", str(run), "--out", str(page)], check=True)  # noqa: S603
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, size, scheme in (("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")):
            _report(chromium, page, f"report-{name}", size, scheme)
        _problem(chromium, page)
        with _tensorboard(run) as url:
            _board(chromium, url)
        chromium.close()


def _report(chromium: Any, page: Path, name: str, size: dict[str, int], scheme: str) -> None:
    tab = chromium.new_context(viewport=size, color_scheme=scheme).new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector("body[data-ready]")
    _save(tab, name)


def _problem(chromium: Any, page: Path) -> None:
    """The browser of problems with one of those that became right."""
    tab = chromium.new_context(viewport=WIDE, color_scheme="light").new_page()
    tab.goto(f"{page.as_uri()}#show=gained")
    tab.wait_for_selector("body[data-ready]")
    tab.locator("details.problem summary").first.click()
    tab.evaluate("document.getElementById('problems').scrollIntoView()")
    _save(tab, "report-problem")


def _board(chromium: Any, url: str) -> None:
    tab = chromium.new_context(viewport=WIDE, color_scheme="light").new_page()
    tab.goto(f"{url}/#custom_scalars")
    tab.wait_for_selector("text=accuracy: what greedy")
    tab.wait_for_timeout(4000)  # it draws a little later
    _save(tab, "tensorboard")


@contextmanager
def _tensorboard(run: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stage = os.path.relpath(max(run.glob("*/rollouts")).parent)  # it is seen in the picture
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", stage, "--port", str(port)]
    process = subprocess.Popen([*command, "--host", "127.0.0.1"], stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        while f":{port}" not in str(process.stderr and process.stderr.readline()):  # it says when it listens
            pass
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()


def _save(tab: Any, name: str) -> None:
    file = IMAGES / f"{name}.png"
    tab.screenshot(path=file)
    Image.open(file).convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(file, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
