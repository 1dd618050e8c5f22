"""What a ledger's iteration was sampled from: another digest means another run."""

from __future__ import annotations

import hashlib

from lit_mstar.data.hint import hinted
from lit_mstar.modules.policy import PolicyModule
from lit_mstar.rollouts.nouns import Iteration


def fingerprint(iteration: Iteration, policy: PolicyModule, hint: str | None) -> str:
    """A digest of all that decides what is sampled and marked: problems, parameters, weights.

    Args:
        iteration: Its problems and sampling parameters count.
        policy: Its weights and its reasoning format count.
        hint: How training problems are asked, where it is not the question alone.
    """
    ids = [problem.id for problem in iteration.problems]
    unmarked = [problem.id for problem in iteration.problems if problem.answer is None]
    asked = [hinted(problem, hint).question for problem in iteration.problems] if hint else []
    more = [part for part in (unmarked, asked) if part]  # without them, a ledger of before they were stays valid
    key = repr((ids, iteration.sampling, policy.marker.settings(), policy.fingerprint(), *more))
    return hashlib.sha256(key.encode()).hexdigest()
