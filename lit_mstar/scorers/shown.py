"""A chain as a reward model's tokens, and the positions where its verdicts are read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lit_mstar.encoding.encoder import Encoder
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.scorers.format import StepFormat

_MARK = "\ue0f0"  # where a marker or a verdict goes; a character for private use, which no text has


@dataclass(frozen=True)
class Shown:
    """A chain of S steps, or a part of it.

    Args:
        text: As the model's chat template writes it, with one placeholder per image.
        ids: Its tokens.
        reads: The positions among them where verdicts are read.
        said: The tokens that stand for markers or verdicts, one for each read.
    """

    text: str
    ids: list[int]
    reads: list[int]
    said: list[int]


def shown(encoder: Encoder, form: StepFormat, problem: Problem, steps: Sequence[str], said: Sequence[str]) -> Shown:
    """A chain with all its verdicts.

    Args:
        encoder: The model's.
        form: How it is shown a chain.
        problem: Whose reference answer stays hidden.
        steps: The chain, S of them.
        said: With turns, the verdicts on all steps, S. That on the last one only says where it would stand.

    Raises:
        ValueError: If the tokenizer divides a marker or a verdict, or joins it with what stands beside it, or the chat
            template loses one.
    """
    safe = [encoder.controls.neutral(step.replace(_MARK, "")) for step in steps]
    asked = replace(problem, answer=None, reasoning=None, prompt=None)
    parts = encoder.parts(asked, form.prompt)
    if form.layout == "turns":
        text, marks = encoder.chat(_turns(form, parts, form.written(safe))), list(said)
    else:
        text = encoder.chat(_one_turn(form, parts, form.written(safe)), add_generation_prompt=form.steps_role == "user")
        marks = [form.marker] * len(steps)
    text, starts = _filled(text, marks)
    found = encoder.tokenizer(text, return_offsets_mapping=True, **encoder.special(text))
    ids, offsets = list(found["input_ids"]), found["offset_mapping"]
    places = [_token_at(text, offsets, start, mark) for start, mark in zip(starts, marks, strict=True)]
    tokens = [ids[place] for place in places]
    if form.layout == "turns":  # read where the verdict would come next
        end = places[-1]
        return Shown(text[: offsets[end][0]], ids[:end], [place - 1 for place in places], tokens)
    return Shown(text, ids, places, tokens)


def _turns(form: StepFormat, parts: list[str | int], steps: Sequence[str]) -> list[dict[str, Any]]:
    turns = [*_system(form), _turn("user", [*parts, steps[0]]), _turn("assistant", [_MARK])]
    for step in steps[1:]:
        turns += [_turn("user", [step]), _turn("assistant", [_MARK])]
    return turns


def _one_turn(form: StepFormat, parts: list[str | int], steps: Sequence[str]) -> list[dict[str, Any]]:
    chain = form.joiner.join(f"{step}{_MARK}" for step in steps)
    turns = _system(form) + ([_turn("user", [""])] if form.prompt_role == "assistant" else [])
    if form.prompt_role == form.steps_role:
        return [*turns, _turn(form.prompt_role, [*parts, chain])]
    return [*turns, _turn(form.prompt_role, parts), _turn(form.steps_role, [chain])]


def _system(form: StepFormat) -> list[dict[str, Any]]:
    return [_turn("system", [form.system])] if form.system else []


def _turn(role: str, parts: Sequence[str | int]) -> dict[str, Any]:
    texts: list[str | int] = []
    for part in parts:  # neighbouring texts are one: templates may put something between parts
        if isinstance(part, str) and texts and isinstance(texts[-1], str):
            texts[-1] += part
        else:
            texts.append(part)
    return {
        "role": role,
        "content": [{"type": "text", "text": x} if isinstance(x, str) else {"type": "image"} for x in texts],
    }


def _filled(text: str, marks: Sequence[str]) -> tuple[str, list[int]]:
    """The text with its marks in their places, and where each begins."""
    first, *pieces = text.split(_MARK)
    if len(pieces) != len(marks):
        raise ValueError(
            f"The model's chat template writes {len(pieces)} of {len(marks)} steps; give one that keeps all turns."
        )
    whole, starts = first, []
    for mark, piece in zip(marks, pieces, strict=True):
        starts.append(len(whole))
        whole += mark + piece
    return whole, starts


def _token_at(text: str, offsets: Sequence[tuple[int, int]], start: int, mark: str) -> int:
    """The position of the token that is a mark and nothing else, but for white space before it."""
    end = start + len(mark)
    place = bisect_left([stop for _, stop in offsets], end)
    if place == len(offsets) or offsets[place][1] != end or text[offsets[place][0] : end].strip() != mark.strip():
        raise ValueError(
            f"{mark!r} is no token of its own where it stands behind a step: the tokenizer divides it, or joins it "
            "with its neighbours. Is this the model that the format is for?"
        )
    return place
