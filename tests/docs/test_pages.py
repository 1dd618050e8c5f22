"""Every command and every code block of the documents, run in miniature in the order in which somebody would."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from lit_mstar.front.check import check_command
from lit_mstar.front.definitions import search_here
from lit_mstar.front.help import help_of
from lit_mstar.front.parsers import commands as own_commands
from lit_mstar.front.parsers import parser_of
from lit_mstar.front.recipe import read_config
from support.commands import lit_mstar
from support.pages import DOCS, Block, blocks, commands
from support.recipes import QUICKSTART, shrink
from support.zygote import popen

pytestmark = pytest.mark.slow

ROOT = DOCS.parent
FIRST = ["tutorial.md", "your-data.md", "report.md"]  # what they make, others use
PAGES = [*FIRST, *sorted(page.name for page in DOCS.glob("*.md") if page.name not in FIRST)]
README = "../README.md"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a quickstart that takes seconds."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "configs", folder / "configs")
    for stage in QUICKSTART.glob("[0-9]*.yaml"):
        config = shrink(read_config(stage))
        (folder / "configs" / "quickstart" / stage.name).write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages are processes that start at once."""
    monkeypatch.setattr("lit_mstar.commands.children.subprocess.Popen", popen)


@pytest.mark.parametrize("page", [*PAGES, README])
def test_what_a_page_says_works(page: str, here: Path, quick: None):
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(DOCS / page):
        if block.title:
            (here / block.title).write_text(block.text + "\n")
        if block.language == "python":
            code = compile(block.text, block.title or page, "exec")
            if not block.title:
                with chdir(here):
                    exec(code, names)  # noqa: S102 - that is what is tested
        elif block.language == "yaml":
            assert yaml.safe_load(block.text)
        elif block.language == "json":
            assert [json.loads(line) for line in block.text.splitlines()]
        elif block.language in ("sh", "bash"):
            _each(block, here)
        else:
            assert "lit-mstar" not in block.text, f"{page}: say sh or bash, so that it is known how it is tested"


def _each(block: Block, here: Path) -> None:
    for words in commands(block.text):
        if words[:1] == ["lit-mstar"]:
            (_run if block.language == "sh" else _look)(words[1:], here)
        elif block.language == "sh" and words[0] != "pip":  # what it would install is what is tested
            assert words[0] == "python", words
            done = subprocess.run([sys.executable, *words[1:]], cwd=here, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


def _run(words: list[str], here: Path) -> None:
    done = lit_mstar(here, *words)
    assert done.returncode == 0, f"lit-mstar {' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"


def _look(words: list[str], here: Path) -> None:
    """Looks at options as the command would before anything is imported; inputs need not be there."""
    with chdir(here), patch.object(sys, "path", [*sys.path]):
        search_here()
        with suppress(Absent):
            _parsed(words)


class Absent(Exception):
    """An input that only a reader has."""


def _parsed(words: list[str]) -> None:
    try:
        if words[0] in own_commands():
            parser_of(words[0]).parse_args(words[1:])
        elif help_of(words[0], words[1:]) is None:
            check_command(words[0], words[1:])
    except (SystemExit, ValueError) as error:
        if any(word in str(error) for word in ("does not exist", "is not there")):
            raise Absent from error
        raise


def test_every_page_is_in_the_sites_menu():
    menu = (ROOT / "mkdocs.yml").read_text()
    assert [page for page in PAGES if f": {page}\n" not in menu] == []
