"""How many completions a step label takes: when a prefix is done, and how many are drawn at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy.stats import beta

Until = Literal["all", "success", "interval"]


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """When the completions of a prefix are enough; K is `completions.n`.

    A hard label (does any of K succeed?) is known at the first success, so "success" gives the very same hard labels
    as "all", in distribution, for fewer completions. The shares that it leaves behind are of different numbers of
    draws; `ProcessRewardModule(labels="binomial")` learns from both numbers, and does not mind when drawing stopped.
    For soft labels, "interval" draws until the share is known well enough.

    Args:
        until: "all" draws K of every prefix; "success" stops at the first that succeeds, or at K; "interval" stops when
            the 95% interval of the share (Jeffreys) is narrower than `width`, or at K.
        width: See `until`; all defaults are ours.
        first: Completions in the first wave; each further one doubles what there is.
        ahead: How many prefixes behind one that has no success yet get their first wave early, so that engines stay
            full; None means all. Fewer take more rounds, and fewer completions: once a prefix has no success, the chain
            is lost, and later ones need none.
        reuse: Count responses that begin with a prefix as draws from it, where they were drawn like completions and all
            of a problem are labelled, whatever became of them.
        bisect: Look for the step at which a chain is lost by halving: fewer prefixes for long chains. It takes for
            granted that a lost chain stays lost and one that is not never was; the labels of steps that were not drawn
            from say so (1 before, 0 behind).

    Raises:
        ValueError: If a value is outside its range.
    """

    until: Until = "all"
    width: float = 0.5
    first: int = 1
    ahead: int | None = 0
    reuse: bool = False
    bisect: bool = False

    def __post_init__(self) -> None:
        for name, ok, wanted in (
            ("until", self.until in ("all", "success", "interval"), '"all", "success" or "interval"'),
            ("width", 0 < self.width <= 1, "in (0, 1]"),
            ("first", self.first >= 1, "at least 1"),
            ("ahead", self.ahead is None or self.ahead >= 0, "0 or more, or null"),
        ):
            if not ok:
                raise ValueError(f"Drawing.{name} is {getattr(self, name)!r}; it must be {wanted}.")

    def done(self, successes: int, draws: int, most: int) -> bool:
        """Whether so many draws are enough."""
        if draws >= most:
            return True
        if self.until == "success":
            return successes > 0
        return self.until == "interval" and draws > 0 and interval_width(successes, draws) < self.width

    def wave(self, draws: int, most: int) -> int:
        """How many completions come next, after so many."""
        if self.until == "all":
            return most - draws
        return min(draws or self.first, most - draws)


def interval_width(successes: int, draws: int) -> float:
    """The width of the 95% interval of a share (Jeffreys: Beta(s + 1/2, n - s + 1/2))."""
    low, high = beta.ppf([0.025, 0.975], successes + 0.5, draws - successes + 0.5)
    return float((1.0 if successes == draws else high) - (0.0 if successes == 0 else low))
