"""Verdicts in words: what is clear is read, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_mstar.scorers.verdicts import last_verdict, verdicts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Step 1: correct\nStep 2: incorrect", [True, False]),
        ("Let me think.\n**Step 1**: Correct.\n**Step 2**: Incorrect, because 3 + 4 = 7.", [True, False]),
        ("1. +\n2. -", [True, False]),
        ("- Step 1: Yes\n- Step 2: No", [True, False]),
        ("Step 1 - right\nStep 2 – wrong", [True, False]),
        ("Step 1: \\boxed{Yes}\nStep 2: \\boxed{No}", [True, False]),
        ("Step 1 (reading): good\nStep 2 (sum): bad (it is 8)", [True, False]),
        ("step 1: incorrect\n…\nOn second thought:\nStep 1: correct\nStep 2: correct", [True, True]),
        ("Step 2: correct", [None, True]),
        ("Step 1: Right of the door there is a dog.\nStep 2: correct", [None, True]),
        ("Step 1: correct?\nStep 2: No error in it.", [None, None]),
        ("Step 1: not correct\nStep 2: incorrectly read", [None, None]),
        ("Step 3: correct\nStep 0: correct\nStep 12: wrong", [None, None]),
        ("All steps are correct.", [None, None]),
        ("", [None, None]),
        ("Step 1: +\nStep 2: −", [True, False]),
        ("1: true\r\n2: false", [True, False]),
    ],
)
def test_verdicts_on_two_steps(text: str, found: list[bool | None]):
    assert verdicts(text, 2) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It reads 3, yes. So \\boxed{No}.", False),
        ("\\boxed{No}? No: \\boxed{\\text{Yes}}", True),
        ("The digit is 3.\nVerdict: correct", True),
        ("+", True),
        ("**Incorrect**", False),
        ("The step is correct in part", None),
        ("yes and no", None),
        ("", None),
    ],
)
def test_the_last_verdict(text: str, found: bool | None):
    assert last_verdict(text) is found


@given(st.text(max_size=200), st.integers(1, 5))
def test_any_text_is_read(text: str, steps: int):
    found = verdicts(text, steps)
    assert len(found) == steps
    assert set(found) <= {True, False, None}
    assert last_verdict(text) in (True, False, None)


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.sampled_from(["Step {}: {}", "{}. {}", "**Step {}**: {}."]))
def test_what_is_written_is_read(truth: list[bool], line: str):
    text = "\n".join(line.format(k, "correct" if right else "incorrect") for k, right in enumerate(truth, start=1))
    assert verdicts(text, len(truth)) == truth
