"""Numbers as a study's page shows them."""

from __future__ import annotations

from lit_mstar.studies.intervals import Estimate


def interval(value: Estimate, percent: bool) -> str:
    """A mean and half its interval's width."""
    return f"{size(value.mean, percent)} ± {size(value.margin, percent)}"


def signed(gap: Estimate, percent: bool) -> str:
    """A difference and half its interval's width; in points where it is of shares."""
    mean = f"{100 * gap.mean:+.1f}" if percent else f"{gap.mean:+.3f}"
    return f"{mean} ± {size(gap.margin, percent)}"


def size(value: float, percent: bool) -> str:
    """A number without a sign; a dash where there is none."""
    if value != value:
        return "–"
    return f"{100 * value:.1f}" if percent else f"{value:.3f}"
