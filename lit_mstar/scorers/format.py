"""How a reward model is shown a chain of steps, and where it says what it thinks of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class StepFormat:
    r"""The prompt of a reward model.

    Two layouts are in use. With "turns", each step is a turn of the user's, and the model's verdict, a token, is its
    answer: it is read where that turn begins. With "markers", all steps stand in one turn, and a verdict is read at the
    token behind each.

    Args:
        layout: "turns" or "markers".
        system: The system turn's text, or none.
        prompt: What stands before the first step; `{question}` and `{choices}` are filled in, images go where the
            question says, or first.
        prompt_role: Whose turn that is. As "assistant", an empty turn of the user's comes before.
        steps_role: With markers, whose turn the steps stand in; in the prompt's, they follow it at once.
        step: How a step is written; `{step}` is its text, `{number}` counts from 1.
        joiner: What stands between two steps, with markers behind the marker.
        marker: What stands behind each step; one token of the model's.
        history: With turns, what the model is told that it said of earlier steps; "own" is what it did say, which takes
            a pass a step.
        one_pass: Read all steps in one pass; otherwise each is the last of a pass, as for models that see what follows.

    Raises:
        ValueError: If `prompt` lacks `{question}`, `step` lacks `{step}`, or markers have no marker.
    """

    layout: Literal["turns", "markers"] = "markers"
    system: str | None = None
    prompt: str = "{question}{choices}"
    prompt_role: Literal["user", "assistant"] = "user"
    steps_role: Literal["user", "assistant"] = "assistant"
    step: str = "{step}"
    joiner: str = "\n"
    marker: str = ""
    history: str = "+"
    one_pass: bool = True

    def __post_init__(self) -> None:
        for name, place in (("prompt", "{question}"), ("step", "{step}")):
            if place not in getattr(self, name):
                raise ValueError(f"StepFormat.{name} is {getattr(self, name)!r}; it must contain {place}.")
        if self.layout == "markers" and not self.marker:
            raise ValueError("StepFormat.marker is empty; with layout: markers, name the token behind each step.")
        if self.layout == "turns" and not self.history:
            raise ValueError('StepFormat.history is empty; name the verdict on earlier steps, or "own".')

    def written(self, steps: list[str]) -> list[str]:
        """The steps as they are shown."""
        return [
            self.step.replace("{number}", str(number)).replace("{step}", text)
            for number, text in enumerate(steps, start=1)
        ]
