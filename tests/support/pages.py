"""The documents' code blocks: what is run, what is only read, and what is written to files.

```sh        commands that are run, in miniature, in the order of the page
```bash      commands that need a network, a GPU or hours: lit-mstar's options are looked at, nothing is run
```python    run; with title="…" written to that file instead
```yaml      read; with title="…" written to that file, too
```json      read
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r'^([ \t]*)```(\w*)(?: title="([^"]+)")?[ \t]*\n(.*?)^[ \t]*```[ \t]*$', re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    language: str
    title: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    for indent, language, title, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        lines = [line.removeprefix(indent) for line in text.splitlines()]
        yield Block(language, title, "\n".join(lines))


def commands(text: str) -> Iterator[list[str]]:
    """The command lines of a block, as words; comments are left out, `a && b` are two."""
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in shlex.split(line, comments=True):
            if word in ("&&", "|", ";"):
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words
