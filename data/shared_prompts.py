"""Whether an epoch's responses share their prompts: its model must be able to, and it must be less work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from lit_mstar.data.loaders import Example
from lit_mstar.encoding.shared_rows import work_saved
from lit_mstar.rollouts.nouns import Problem

_ASKED = 8  # problems by which it is judged, ours


def share_prompts(policy: Any, examples: Sequence[Example]) -> bool:
    """Judges by a few problems with several responses, the same on every rank.

    Args:
        policy: A `PolicyModule` with its model loaded.
        examples: What is to be learned; there is nothing to share where each problem comes once.
    """
    responses: dict[Problem, list[int]] = defaultdict(list)
    for problem, response in examples:
        responses[problem].append(len(response))
    several = [(problem, lengths) for problem, lengths in responses.items() if len(lengths) > 1]
    width = policy.backbone.config.get_text_config().hidden_size
    saved = 0
    for problem, lengths in several[:: -(-len(several) // _ASKED) or 1]:
        prompt = int(policy.encoder.prompts([problem])["attention_mask"].sum())
        saved += work_saved(prompt, lengths, width)
    return saved > 0 and bool(policy.shares_prompts())
