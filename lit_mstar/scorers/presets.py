"""Released reward models: how each is asked, what its numbers mean, and where that is from (`presets.yaml`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from lit_mstar.rewards.aggregation import Aggregation
from lit_mstar.scorers.format import StepFormat

PairName = Literal["visualprm", "mm_prm", "qwen_vl_prm"]
ClassName = Literal["qwen_math_prm", "ursa"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What is known of a released reward model.

    Args:
        format: How it is shown a chain.
        aggregation: Its authors' choice.
        threshold: The least score of a step that counts as right.
        good: The token that says that a step is right, where it says so by a token.
        bad: The other one.
        head: What its classification head's weights are called, where it has one.
        positive: The class that says that a step is right.
        sees_images: Whether it is shown the problem's images.
    """

    format: StepFormat
    aggregation: Aggregation = "min"
    threshold: float = 0.5
    good: str = "+"
    bad: str = "-"
    head: str = "score"
    positive: int = 1
    sees_images: bool = True


def preset(name: str) -> Preset:
    """A preset by its name.

    Raises:
        ValueError: If there is none of that name.
    """
    known = _described()
    if name not in known:
        raise ValueError(
            f"There is no preset {name!r}; there are {', '.join((*get_args(PairName), *get_args(ClassName)))}."
        )
    given = dict(known[name])
    return Preset(format=StepFormat(**given.pop("format")), **given)


def chosen(name: str | None, form: StepFormat | None, who: str, **changes: Any) -> Preset:
    """What is known of a model: a preset, or a format of the user's own, with what is given besides.

    Args:
        name: Of a preset, or None.
        form: A format, or None.
        who: For messages.
        **changes: Other fields of `Preset`; None leaves them.

    Raises:
        ValueError: If there is neither or both.
    """
    if (name is None) == (form is None):
        raise ValueError(f"{who} needs either preset, for a released model, or format, for one of your own.")
    known = preset(name) if name else Preset(format=form)  # type: ignore[arg-type]
    return replace(known, **{field: value for field, value in changes.items() if value is not None})


@cache
def _described() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")))
