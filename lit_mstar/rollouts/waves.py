"""How many responses a problem takes: N of each, or waves until there are enough to learn from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Waves:
    """Responses in waves, each of which doubles what a problem has, up to `SamplingParams.n`.

    A problem gets no more once it has enough right responses, or once many were drawn and none is right. Which
    responses there are then depends on how the first ones went, so shares of all of them tell easy problems' too
    rarely: what is measured of them is measured of the first wave, which every problem has.

    Args:
        first: Responses in the first wave; all defaults are ours.
        enough: Right responses with different texts that a problem stops at. More than are kept, where a reward is to
            have a choice.
        hopeless: Responses after which a problem stops if none is right; at `n` none is given up.

    Raises:
        ValueError: If a value is less than 1.
    """

    first: int = 4
    enough: int = 2
    hopeless: int = 8

    def __post_init__(self) -> None:
        for name in ("first", "enough", "hopeless"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"Waves.{name} is {value}; it must be at least 1.")

    def sizes(self, most: int) -> list[int]:
        """How many responses each wave adds, `most` in all."""
        sizes = [min(self.first, most)]
        while (drawn := sum(sizes)) < most:
            sizes.append(min(drawn, most - drawn))
        return sizes

    def done(self, distinct: int, wrong: int, drawn: int) -> bool:
        """Whether a problem has enough, or little hope.

        Args:
            distinct: Its right responses with different texts.
            wrong: Those known to be wrong.
            drawn: All that it has.
        """
        return distinct >= self.enough or wrong == drawn >= self.hopeless
