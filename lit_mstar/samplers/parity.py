"""Does the engine compute what the trainer's model computes? Wrong names, doubled placeholders and stale caches show.

A few fixed problems, greedily continued by the engine, are put through the trainer's model. It leaves out sampling:
given equal log-probabilities, that is the engine's own affair.
"""

from __future__ import annotations

import torch

from lit_mstar.encoding.probes import PROBES
from lit_mstar.encoding.prompt_cache import fit, inference
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.samplers.base import Policy
from lit_mstar.samplers.request import Completion


def require_parity(policy: Policy, completions: list[Completion], tolerance: float, name: str = "The engine") -> float:
    """Compares greedy completions of `PROBES` with the trainer's model.

    Every rank of a sharded policy must call it together.

    Args:
        policy: Its model is put through prompt and completion, teacher-forced.
        completions: One per probe, with prompt ids and log-probabilities.
        tolerance: In nats.
        name: Whose completions they are; for the message.

    Returns:
        The largest difference of log-probabilities, in nats.

    Raises:
        RuntimeError: If prompts differ, a log-probability differs by more than the tolerance, or a token is not the
            most likely one within the tolerance.
    """
    # One forward pass per probe on every rank, whatever the engine said: ranks gather shards together.
    found = [(probe.id, _compared(policy, probe, c, tolerance)) for probe, c in zip(PROBES, completions, strict=True)]
    if faults := [f"{probe}: {fault}" for probe, (fault, _) in found if fault]:
        raise RuntimeError(
            f"{name} does not compute what the trainer's model computes: " + "; ".join(faults) + ". Was it given "
            "other weights, another processor, or a lower precision? Raise the sampler's tolerance (in nats) only if "
            "the difference is known to be rounding."
        )
    return max(difference for _, (_, difference) in found)


@torch.no_grad()
def _compared(policy: Policy, probe: Problem, completion: Completion, tolerance: float) -> tuple[str, float]:
    """What is wrong with a completion, or nothing, and the largest difference of its log-probabilities, in nats."""
    encoder = policy.encoder
    ids = completion.token_ids[0] if completion.token_ids else []
    batch = encoder.collate([probe], [ids or [encoder.end_id]])
    labels = batch.pop("labels")[0]
    prompt = batch["input_ids"][0][: len(labels) - max(1, len(ids))].tolist()
    with inference(policy.model):
        logits = policy.model(**fit(batch, policy.model)).logits[0, len(prompt) - 1 : -1].float()  # (new tokens, V)
    if completion.refused:
        return ("" if "image" in completion.refused else f"refused ({completion.refused})"), 0.0
    if completion.prompt_ids != prompt:
        return f"its prompt has {len(completion.prompt_ids)} tokens, the trainer's {len(prompt)}, or other ones", 0.0
    ours = logits.log_softmax(-1).cpu()  # (new tokens, V)
    chosen = ours.gather(1, torch.tensor(ids)[:, None])[:, 0]
    difference = float((chosen - torch.tensor(completion.logprobs[0])).abs().max())
    ours[:, encoder.forbidden_ids] = -torch.inf
    regret = float((ours.max(-1).values - chosen).max())
    if max(difference, regret) <= tolerance:
        return "", difference
    return (
        f"log-probabilities differ by {difference:.2g} nats, greedy tokens by {regret:.2g} (tolerance {tolerance:g})",
        difference,
    )
