"""Marking what is sampled already: after references, format or grader have changed."""

from __future__ import annotations

from collections import Counter

from lightning.pytorch.utilities import rank_zero_warn

from lit_mstar.reasoning.marking import Marker
from lit_mstar.rewards.selection import AllCorrect
from lit_mstar.rollouts.nouns import Iteration
from lit_mstar.training.division import parts


def mark_anew(iteration: Iteration, marker: Marker, sampled: int = 0) -> None:
    """Marks all of an iteration's responses; scores go, for steps may be others, and what is right is selected.

    Args:
        iteration: Its rollouts, with today's references.
        marker: Today's.
        sampled: How many of its problems were missing and sampled just now, for the message.
    """
    counts: Counter[str] = Counter()
    for rollout in iteration.rollouts:
        before = [response.correct for response in rollout.responses]
        marker.mark(rollout)
        for response in rollout.responses:
            response.step_scores, response.score = [], None
        rollout.selected = AllCorrect()(rollout)
        counts["responses"] += len(before)
        counts["changed"] += sum(old != new.correct for old, new in zip(before, rollout.responses, strict=True))
    counts = sum(parts(iteration, counts), Counter())
    also = f"{sampled} missing problems were" if sampled else "nothing was"
    rank_zero_warn(
        f"Iteration {iteration.index}: references, format or grader have changed, so its {counts['responses']} "
        f"responses were marked anew, and {counts['changed']} verdicts are others than before; {also} sampled."
    )
