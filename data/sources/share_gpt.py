"""ShareGPT: conversations of which the first turn asks and the second answers, as many training sets are published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lit_mstar.data.sources import cells
from lit_mstar.data.sources.file_source import FileSource
from lit_mstar.data.sources.row_source import Row
from lit_mstar.data.sources.source import Split
from lit_mstar.data.sources.table_source import in_fields
from lit_mstar.data.sources.tables import read_rows
from lit_mstar.reasoning.answers import extract_answer
from lit_mstar.rollouts.options import LETTERS

_ASKS, _ANSWERS = ("human", "user"), ("gpt", "assistant", "bot")
_HINT = re.compile(r"\A\s*Hint:[^\n]*\n+", re.IGNORECASE)
_QUESTION = re.compile(r"\A\s*Question:\s*", re.IGNORECASE)
_CHOICES = re.compile(r"\n\s*(?:Choices|Options):\s*(?=\n|\()", re.IGNORECASE)
_OPTION = re.compile(r"(?:\A|(?<=\s))(?:\(([A-Ja-j])\)|([A-J])[.:)](?=\s))\s*")
_SHORT = 80  # characters, ours: a reply without a label that is no longer is an answer by itself


class ShareGPTSource(FileSource):
    """Problems from conversations: `[{"image": …, "conversations": [{"from": "human", "value": …}, …]}, …]`.

    Of the first turn, `<image>` is kept where it stands, a line "Hint: …" and the word "Question:" go, and what follows
    "Choices:" becomes the options. Of the second turn the final answer is taken; what is longer is its reasoning. Rows
    with more turns are bad ones, and whatever does not parse is counted by the image's first folder. Arguments as for
    `FileSource`.
    """

    def read(self, path: Path, split: Split) -> Iterator[tuple[str, Row | ValueError]]:
        """See `FileSource.read`."""
        yield from in_fields(read_rows(path), conversation, part=collection)


def conversation(row: Row) -> Row:
    """A conversation in `JsonlSource`'s fields; `part` is the first folder of its image.

    Raises:
        ValueError: If it is no question with one answer.
    """
    images = cells.images(row.get("image", row.get("images")))
    system, question, reply = _turns(row)
    asked, choices = parse_question(question)
    answer, reasoning = parse_reply(reply)
    return {
        "question": asked,
        "choices": choices,
        "answer": answer,
        "images": images,
        "part": collection(row),
        **({"id": row["id"]} if not cells.missing(row.get("id")) else {}),
        **({"reasoning": reasoning} if reasoning else {}),
        **({"system": system} if system else {}),
    }


def collection(row: Row) -> str:
    """The first folder of a row's image: the collection that it is from, where several were put together."""
    image = row.get("image", row.get("images"))
    first = image[0] if isinstance(image, list) and image else image
    return first.lstrip("./").split("/")[0] if isinstance(first, str) and "/" in first[:200] else ""


def parse_question(text: str) -> tuple[str, list[str]]:
    """The question without hint and labels, and its options.

    Raises:
        ValueError: If there is a heading for options, and none below it.
    """
    head = re.match(r"\s*((?:<image>\s*)+)", text)
    images, body = ("".join(head[1].split()), text[head.end() :]) if head else ("", text)
    body = _QUESTION.sub("", _HINT.sub("", body))
    asked, *rest = _CHOICES.split(body, maxsplit=1)
    choices = parse_options(rest[0]) if rest else []
    if rest and not choices:
        raise ValueError(f"field 'question' has options that cannot be read: {rest[0].strip()[:60]!r}; write (A) …")
    return "\n".join(part for part in (images, asked.strip()) if part), choices


def parse_options(text: str) -> list[str]:
    """Options "(A) 3", "A. 3" or "A: 3", each on a line or all on one; empty where letters are not in order."""
    marks = list(_OPTION.finditer(text))
    letters = "".join(mark[1] or mark[2] for mark in marks).upper()
    if text[: marks[0].start()].strip() if marks else True:
        return []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    found = [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]
    return found if letters == LETTERS[: len(letters)] and all(found) else []


def parse_reply(text: str) -> tuple[str, str | None]:
    """The final answer of a reply, and the reply itself where it is more than that.

    Raises:
        ValueError: If it states no answer.
    """
    reply = text.strip()
    answer = extract_answer(reply)
    if answer is None and "\n" not in reply and 0 < len(reply) <= _SHORT:
        return reply, None
    if answer is None:
        raise ValueError(f"the reply {reply[:60]!r} states no final answer; end it with 'Answer: …'.")
    return answer, reply if "\n" in reply or len(reply) > _SHORT else None


def _turns(row: Row) -> tuple[str, str, str]:
    """System, question and reply of a conversation, in either of the two usual spellings."""
    turns = row.get("conversations", row.get("messages"))
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ValueError(
            f"it has no conversations but {', '.join(row)}; they are a list of turns with 'from', 'value'."
        )
    said = [(str(t.get("from", t.get("role"))), str(t.get("value", t.get("content")) or "")) for t in turns]
    system = said.pop(0)[1] if said and said[0][0] == "system" else ""
    kinds = [kind for kind, _ in said]
    if len(said) != 2 or kinds[0] not in _ASKS or kinds[1] not in _ANSWERS:
        raise ValueError(f"its turns are from {', '.join(kinds) or 'nobody'}; one question and one answer are wanted.")
    return system, said[0][1], said[1][1]
