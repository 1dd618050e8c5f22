"""An answer as it comes: word by word, or, where steps are scored, line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.text import Text
from transformers import TextStreamer


class Stream(TextStreamer):
    """What `generate` tells of its tokens; `said` is the text so far."""

    def __init__(self, tokenizer: Any, console: Console) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.console = console
        self.said = ""


class Plain(Stream):
    """Prints every word as soon as it is whole."""

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Called by transformers with whole words."""
        self.said += text
        self.console.print(text, end="\n" if stream_end else "", markup=False)


class Scored(Stream):
    """Prints every line as soon as it is whole, and behind the last one of a step its score.

    Args:
        tokenizer: The model's.
        console: Where to print.
        split: A text's steps.
        score: The scores of steps, one each.
    """

    def __init__(
        self,
        tokenizer: Any,
        console: Console,
        split: Callable[[str], list[str]],
        score: Callable[[list[str]], list[float]],
    ) -> None:
        super().__init__(tokenizer, console)
        self.split = split
        self.score = score
        self._lines: list[str] = []  # whole ones that are not printed yet: more of their step may follow
        self._printed = 0  # steps

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Called by transformers with whole words."""
        before = self.said.count("\n")
        self.said += text
        lines = self.said.split("\n")
        for number in range(before, len(lines) - (not stream_end)):
            self._take(lines[: number + 1])
        if stream_end:
            self._flush(self.split(self.said))

    def _take(self, lines: list[str]) -> None:
        """One more line: where it begins another step, or none, the one before is whole."""
        steps = self.split("\n".join(lines))
        whole = self.split("\n".join(lines[:-1]))
        if len(steps) > len(whole) or (lines[-1].strip() and steps == whole):
            self._flush(whole)
        self._lines.append(lines[-1])

    def _flush(self, steps: list[str]) -> None:
        """Prints the lines so far; if they end a step, with its score."""
        if not self._lines:
            return
        *first, last = self._lines
        for line in first:
            self.console.print(line, markup=False)
        ended = len(steps) > self._printed and last.strip() and last.strip() in steps[-1]
        score = self.score(steps)[-1] if ended else None
        self.console.print(_line(last, score))
        self._printed, self._lines = len(steps), []


def _line(text: str, score: float | None) -> Text:
    line = Text(text)
    if score is not None:
        line.append(f"   {score:.2f}", style="green" if score >= 0.5 else "red")  # more likely right than not
    return line
