"""Does the engine compute what the trainer's model computes? Wrong names, doubled placeholders and stale caches show.

A few fixed problems, greedily continued by the engine, are put through the trainer's model. It leaves out sampling:
given equal log-probabilities, that is the engine's own affair.
"""

from __future__ import annotations

import io

import torch
from PIL import Image

from lit_mstar.models.prompt_cache import inference
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.samplers.base import Policy
from lit_mstar.samplers.request import Completion


def _gradient(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    image = Image.linear_gradient("L").resize((width, height))
    Image.merge("RGB", (image, image.rotate(180), image)).save(buffer, format="PNG")
    return buffer.getvalue()


PROBES = (
    Problem(id="probe 0", question="What is 3 + 4?"),
    Problem(id="probe 1", question="What does the picture show?", images=(_gradient(64, 64),)),
    Problem(id="probe 2", question="Is the left side darker?", choices=("yes", "no"), images=(_gradient(96, 40),)),
)


def require_parity(policy: Policy, completions: list[Completion], tolerance: float, name: str = "The engine") -> None:
    """Compares greedy completions of `PROBES` with the trainer's model.

    Every rank of a sharded policy must call it together.

    Args:
        policy: Its model is put through prompt and completion, teacher-forced.
        completions: One per probe, with prompt ids and log-probabilities.
        tolerance: In nats.
        name: Whose completions they are; for the message.

    Raises:
        RuntimeError: If prompts differ, a log-probability differs by more than the tolerance, or a token is not the
            most likely one within the tolerance.
    """
    faults = []
    for probe, completion in zip(PROBES, completions, strict=True):
        # One forward pass per probe on every rank, whatever the engine said: ranks gather shards together.
        if fault := _fault(policy, probe, completion, tolerance):
            faults.append(f"{probe.id}: {fault}")
    if faults:
        raise RuntimeError(
            f"{name} does not compute what the trainer's model computes: " + "; ".join(faults) + ". Was it given "
            "other weights, another processor, or a lower precision? Raise the sampler's tolerance (in nats) only if "
            "the difference is known to be rounding."
        )


@torch.no_grad()
def _fault(policy: Policy, probe: Problem, completion: Completion, tolerance: float) -> str:
    encoder = policy.encoder
    ids = completion.token_ids[0] if completion.token_ids else []
    batch = encoder.collate([probe], [ids or [encoder.end_id]])
    labels = batch.pop("labels")[0]
    prompt = batch["input_ids"][0][: len(labels) - max(1, len(ids))].tolist()
    with inference(policy.model):
        batch = {name: value.to(policy.model.device) for name, value in batch.items()}  # type: ignore[arg-type]
        logits = policy.model(**batch).logits[0, len(prompt) - 1 : -1].float()  # (new tokens, V)
    if completion.refused:
        return "" if "image" in completion.refused else f"refused ({completion.refused})"
    if completion.prompt_ids != prompt:
        return f"its prompt has {len(completion.prompt_ids)} tokens, the trainer's {len(prompt)}, or other ones"
    ours = logits.log_softmax(-1).cpu()  # (new tokens, V)
    chosen = ours.gather(1, torch.tensor(ids)[:, None])[:, 0]
    difference = float((chosen - torch.tensor(completion.logprobs[0])).abs().max())
    ours[:, encoder.forbidden_ids] = -torch.inf
    regret = float((ours.max(-1).values - chosen).max())
    if max(difference, regret) <= tolerance:
        return ""
    return f"log-probabilities differ by {difference:.2g} nats, greedy tokens by {regret:.2g} (tolerance {tolerance:g})"
