r"""Where a text states its final answer: in a box, in a tag, behind a label, in a last sentence, or by itself.

Each way is an extractor. What is stated last counts; where one statement stands inside another ("Answer: \boxed{4}"),
the outer one does, so that nothing beside the box is overlooked. Sentences count only where nothing else is stated.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lit_mstar.equality.plain import plain
from lit_mstar.reasoning.steps import ANSWER_PATTERN

_LONG = 15  # words, ours: what is longer behind a label is a whole solution, and may state its answer at its end


@dataclass(frozen=True)
class Statement:
    """A stretch of a text that states an answer."""

    start: int
    end: int
    answer: str
    certain: bool = True
    """Whether it is stated in a way that nobody uses for anything else; what is not counts where nothing else is."""


class Extractor(ABC):
    """One way to state an answer; derive from it to add another."""

    @abstractmethod
    def find(self, text: str, label: str) -> Statement | None:
        """The last statement of its kind in a text.

        Args:
            text: A response.
            label: The regular expression of the answer line (`ReasoningFormat.answer_pattern`).
        """


class Box(Extractor):
    r"""`\boxed{…}` with balanced braces, and GLM's `<|begin_of_box|>…<|end_of_box|>`."""

    def find(self, text: str, label: str) -> Statement | None:
        """See `Extractor.find`."""
        if match := _last(r"<\|begin_of_box\|>(.*?)(?:<\|end_of_box\|>|\Z)", text):
            return Statement(match.start(), match.end(), match[1])
        match = _last(r"\\(?:boxed|fbox|framebox)\s*\{", text)
        if match is None:
            return None
        depth, end = 1, match.end()
        while end < len(text) and depth:
            depth += (text[end] == "{") - (text[end] == "}")
            end += 1
        if depth:  # never closed: what is on its line
            end = len(text) if (line := text.find("\n", match.end())) < 0 else line
        return Statement(match.start(), end, text[match.end() : end - (depth == 0)])


class Tag(Extractor):
    """`<answer>…</answer>`, `[Answer] …`, and the line `#### 42`."""

    def find(self, text: str, label: str) -> Statement | None:
        """See `Extractor.find`."""
        closed = _last(r"(?is)(?:<answer>|\[answer\])((?:(?!<answer>|\[answer\]).)*?)(?:</answer>|\[/answer\])", text)
        opened = _last(r"(?i)(?:<answer>|\[answer\]:?)\s*([^\n<]+)", text)
        line = _last(r"(?m)^[ \t]*####[ \t]+(.+)$", text)
        found = [match for match in (closed or opened, line) if match and match[1].strip()]
        if not found:
            return None
        match = max(found, key=lambda match: match.end())
        return Statement(match.start(), match.end(), match[1], certain=match is not opened)


class Label(Extractor):
    """A line "Answer: …", or what stands on the next line where nothing else is on it."""

    def find(self, text: str, label: str) -> Statement | None:
        """See `Extractor.find`."""
        match = _last(label, text)
        if match is None:
            return None
        answer, end, own = match[1] or "", match.end(), label != ANSWER_PATTERN
        opens = answer.strip() in ("$$", r"\[")  # a formula on lines of its own
        if own or (plain(answer) and not opens):
            return Statement(match.start(), end, answer, certain=own or len(answer.split()) <= _LONG)
        end = match.start(1) if opens else end
        following = re.compile(r"\s*(\$\$[\s\S]*?\$\$|\\\[[\s\S]*?\\\]|(?:[-*•][ \t]+|\d+[.)][ \t]+)?(.*))").match(
            text, end
        )
        assert following is not None, "it matches the empty string"  # noqa: S101
        return Statement(match.start(), following.end(), following[2] if following[2] is not None else following[1])


class Sentence(Extractor):
    """A last sentence that says so: "So the answer is B.", "答えは 24 です"; or a label within a line."""

    _pattern = re.compile(
        r"(?i)(?:\b(?:the|my|our)\s+(?:(?:final|correct|right|best)\s+)?(?:answer|option|choice)\s+"
        r"(?:is|would be|should be|must be)\b(?:\s*:)?(?!\s+not\b)|\b(?:final\s+)?answer[\"']?\s*[:=]"
        r"|(?:^|\n)answer is(?!\s+not\b)"
        r"|答案(?:是|为|為)|答えは|答案：|正解は|정답은|réponse est|respuesta es|antwort ist)"
        r"[ \t]*(?P<answer>\S.*?)[ \t]*(?=$|\n|(?<=[^\d\s])\.\s|(?<=\d)\.\s+[A-Z])"
    )

    def find(self, text: str, label: str) -> Statement | None:
        """See `Extractor.find`."""
        match = None
        for match in self._pattern.finditer(text):
            pass
        return match and Statement(match.start(), match.end(), match["answer"], certain=False)


class Closing(Extractor):
    """A last line that closes the argument, "Therefore, the area is 24.", or that is nothing but an answer."""

    longest = 40  # characters of a bare answer, ours
    _therefore = re.compile(r"(?i)[*_ ]*(?:so|thus|therefore|hence|in conclusion|in total)\b[,:]?\s+(\S.*)")

    def find(self, text: str, label: str) -> Statement | None:
        """See `Extractor.find`."""
        before, _, line = text.rstrip().rpartition("\n")
        if Sentence().find(line, label):
            return None
        start = len(before) + bool(before)
        if match := self._therefore.fullmatch(line):
            return Statement(start, len(text), match[1], certain=False)
        marked = re.fullmatch(r"\s*(?:\*\*.+\*\*|\$+.+\$+|\\\[.+\\\]|\\\(.+\\\))\.?\s*", line)
        bare = not before.strip() and len(line.split()) <= 4 and not re.match(r"(?i)\s*step\b", line)
        if len(line) > self.longest or not (marked or bare):
            return None
        return Statement(start, len(text), line, certain=False)


EXTRACTORS: tuple[Extractor, ...] = (Box(), Tag(), Label(), Sentence(), Closing())
"""The shipped ones."""


def find_answer(text: str, label: str, extractors: Sequence[Extractor] = EXTRACTORS) -> Statement | None:
    """The statement of the final answer; None where there is none."""
    # What a model only thinks is no statement.
    start = text.rfind("</think>") + len("</think>") if "</think>" in text else 0
    found = [one for extractor in extractors if (one := extractor.find(text[start:], label))]
    certain = [one for one in found if one.certain]
    last = max(certain, key=lambda one: (one.end, -one.start), default=None) or max(
        found, key=lambda one: (one.end, one.start), default=None
    )
    if last is None:
        return None
    return _without_label(replace(last, start=last.start + start, end=last.end + start), label)


def _without_label(statement: Statement, label: str) -> Statement:
    r"""Without a label of its own: "Answer: 4" in a box is 4, where nothing else is in it."""
    for extractor in (Label(), Sentence()):
        answer = statement.answer.strip()
        inner = extractor.find(answer, label)
        if inner and not answer[: inner.start].strip() and not answer[inner.end :].strip(" ."):
            statement = replace(statement, answer=inner.answer)
    return statement


def _last(pattern: str, text: str) -> re.Match[str] | None:
    match = None
    for match in re.finditer(pattern, text):
        pass
    return match
