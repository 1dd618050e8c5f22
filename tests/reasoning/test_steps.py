from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.reasoning.steps import split_steps, step_prefixes

PARTS = ["Step 1:", "**Step 2:**", "step 3.", "Answer: 4", "Answer:", "\n", "\n\n", " ", "x", "a b", "\r\n"]
texts = st.lists(st.sampled_from(PARTS)).map("".join) | st.text() | st.text("Step 1:\n")
patterns = st.sampled_from([None, r"(?m)^", "", "$", "x", r"\n", "x*"])


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Step 1: a\nStep 2: b\nAnswer: 4", ["Step 1: a", "Step 2: b"]),
        ("Step 1: a\n  more\n\nStep 2: b", ["Step 1: a\n  more", "Step 2: b"]),
        ("Let me see.\nStep 1: a\nAnswer: 4", ["Let me see.\nStep 1: a"]),
        ("### Step 1: a\n**Step 2:** b", ["### Step 1: a", "**Step 2:** b"]),
        ("Step 1: as in Step 2: below", ["Step 1: as in Step 2: below"]),
        ("first\n\n  second  \nAnswer: 4", ["first", "second"]),
        ("Step 1: a\nAnswer: 3\nStep 2: no\nAnswer: 4", ["Step 1: a\nAnswer: 3", "Step 2: no"]),
        ("Step 1: a\nAnswer: 4\nThanks", ["Step 1: a"]),
        ("Step 1: a\nAnswer: 4\nStep 2: b\nStep 3: c", ["Step 1: a"]),
        ("Step 1: a\n", ["Step 1: a"]),
        (" Answer: 4\n", ["Answer: 4"]),
        ("Step 1:", ["Step 1:"]),
        (" \n\t", []),
        ("", []),
    ],
)
def test_split_steps(text: str, steps: list[str]) -> None:
    assert split_steps(text) == steps


def test_step_prefixes() -> None:
    text = "Hm.\nStep 1: a\n\n  Step 2: b\nc\n\nAnswer: 4\n"
    assert step_prefixes(text) == ["Hm.\nStep 1: a\n\n", "Hm.\nStep 1: a\n\n  Step 2: b\nc\n\n"]
    assert step_prefixes("first\n\nsecond\nAnswer: 4") == ["first\n\n", "first\n\nsecond\n"]
    assert step_prefixes("\n\nfirst\nsecond") == ["\n\nfirst\n", "\n\nfirst\nsecond"]
    assert step_prefixes("Answer: 4\n") == ["Answer: 4\n"]
    assert step_prefixes("") == []


def test_patterns_of_ones_own() -> None:
    text = "1) add\n2) so the sum is 4"
    assert split_steps(text, r"(?m)^\d\)", r"sum is (\d)") == ["1) add", "2) so the"]
    assert step_prefixes(text, r"(?m)^\d\)", r"sum is (\d)") == ["1) add\n", "1) add\n2) so the "]


@given(texts, patterns, patterns)
def test_steps_and_prefixes_agree(text: str, step: str | None, answer: str | None) -> None:
    chosen = {"step_pattern": step, "answer_pattern": answer}
    chosen = {name: pattern for name, pattern in chosen.items() if pattern is not None}
    steps, prefixes = split_steps(text, **chosen), step_prefixes(text, **chosen)
    assert bool(steps) is bool(text.strip())
    assert len(prefixes) == len(steps)
    previous = ""
    for one, prefix in zip(steps, prefixes, strict=True):
        assert text.startswith(prefix)
        assert prefix.startswith(previous)
        assert one
        assert prefix[len(previous) :].strip() == one
        previous = prefix


@given(st.lists(st.text("ab .", min_size=1), min_size=1), st.integers(0, 3))
def test_numbered_steps_come_back(bodies: list[str], blank_lines: int) -> None:
    lines = [f"Step {k}: {body}".strip() for k, body in enumerate(bodies, 1)]
    text = ("\n" * (blank_lines + 1)).join([*lines, "Answer: 4"])
    assert split_steps(text) == lines


@given(st.lists(st.text("ab 1:")))
def test_unnumbered_lines_come_back(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert split_steps(text) == [line.strip() for line in lines if line.strip()]
    assert "".join(split_steps(text + "\nAnswer: 4")) != "" or not text.strip()


@pytest.mark.parametrize("part", ["step ", "\n", " ", "* ", "Step 1"])
def test_long_hostile_text_takes_linear_time(part: str) -> None:
    text = part * 200_000 + "x"  # minutes, were the time quadratic
    assert split_steps(text) == [text.strip()]
