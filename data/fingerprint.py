"""What a ledger's iteration was sampled from, and how it was marked.

Another sampling fingerprint means other rollouts; another marking fingerprint only that they are to be marked anew.
"""

from __future__ import annotations

from lit_mstar.data.hint import hinted
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.identity import digest, question_digest, reference_digest
from lit_mstar.rollouts.nouns import Iteration


def sampling_fingerprint(iteration: Iteration, prompt: str, weights: str, hint: str | None) -> str:
    """A digest of all that decides what is sampled.

    Args:
        iteration: Its problems, with their images' bytes, and its sampling parameters and waves count.
        prompt: How the policy is asked (`Backbone.prompt`).
        weights: A digest of the policy's weights.
        hint: How training problems are asked, where it is not the question alone.

    Raises:
        ValueError: If an image cannot be read.
    """
    asked = [question_digest(hinted(problem, hint)) for problem in iteration.problems]
    return digest((asked, iteration.sampling, prompt, weights, *([iteration.waves] if iteration.waves else [])))


def marking_fingerprint(iteration: Iteration, marker: Marker) -> str:
    """A digest of all that decides which responses are right: references, and how they are compared."""
    return digest((*map(reference_digest, iteration.problems), marker.settings()))
