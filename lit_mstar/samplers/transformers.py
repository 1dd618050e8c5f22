"""The embedded engine: the policy's own model, on whatever device it is on.

Prompt and image are encoded once for all N responses of a problem, rows that are done make room for others, and what
was sampled before is guessed and checked (`decoding`). A model that cannot go on from an encoded prompt is left to
`generate`.

Notation: P problems, N responses each, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from lit_mstar.encoding.prompt_cache import equal_prompts, inference, keeps_positions
from lit_mstar.encoding.rows import Rows
from lit_mstar.encoding.sharing import can_share, why_not
from lit_mstar.models.sharding import is_sharded
from lit_mstar.models.weights import whole_parameters
from lit_mstar.rollouts.nouns import Problem, Rollout, SamplingParams
from lit_mstar.samplers.base import Policy, Sampler, respond
from lit_mstar.samplers.decoding import Decoding, Prompt, begin, draft_key
from lit_mstar.samplers.drafts import Drafts
from lit_mstar.samplers.generating import generate


class TransformersSampler(Sampler):
    """Samples with the policy's own model; runs on any machine.

    Args:
        batch_size: Most responses decoded at the same time.
        share_prompt: Encode each prompt once for its N responses; a model that cannot go on from there is found out
            (`encoding.sharing`), and its prompts are encoded N times.
        draft: Most tokens guessed at a time from what was sampled before (ours); 0 guesses none. No guess changes a
            response, and they stop where they do not pay.

    Raises:
        ValueError: If `batch_size` is less than 1, or `draft` is negative.
    """

    def __init__(self, batch_size: int = 256, share_prompt: bool = True, draft: int = 4) -> None:
        if batch_size < 1:
            raise ValueError(f"TransformersSampler.batch_size is {batch_size}; it must be at least 1.")
        if draft < 0:
            raise ValueError(f"TransformersSampler.draft is {draft}; it must be 0 (none) or more.")
        self.batch_size = batch_size
        self.share_prompt = share_prompt
        self.draft = draft
        self._model: Any = None
        self._encoder: Any = None
        self._copy: Any = None  # of a policy that is divided over ranks
        self._checked: tuple[Any, bool, bool] = (None, False, False)  # the model, and what it can do
        self._drafts = Drafts(draft) if draft else None

    def load_policy(self, policy: Policy) -> None:
        """Keeps a reference: the weights are the policy's own, so they are always current.

        A policy that is divided over ranks cannot generate: its weights are copied into a whole model, all of them
        once, then the trainable ones. All ranks must take part; sampling itself needs none of the others.
        """
        self._model, self._encoder = policy.model, policy.encoder
        if is_sharded(policy.model):
            self._model = self._refreshed(policy)

    def recall(self, problems: Sequence[Problem], said: Callable[[Sequence[Problem]], Iterable[Rollout]]) -> None:
        """See `Sampler.recall`; asks only about problems that this engine did not sample itself."""
        if self._drafts is None:
            return
        lacking = [problem for problem in problems if draft_key((problem, "")) not in self._drafts]
        for rollout in said(lacking) if lacking else ():
            if (key := draft_key((rollout.problem, ""))) not in self._drafts:
                self._drafts.remember(key, [response.token_ids for response in rollout.responses])

    def rest(self) -> None:
        """Moves a copy, where there is one, out of the way of training."""
        if self._copy is not None:
            self._copy.to("cpu")

    def _refreshed(self, policy: Any) -> nn.Module:
        """The copy with current weights, on the policy's device."""
        new = self._copy is None
        if new:
            with torch.random.fork_rng():  # what the model draws at random is overwritten
                self._copy = policy.backbone.load_model().eval().requires_grad_(False)
        self._copy.to(policy.device)
        ours = dict(self._copy.named_parameters(remove_duplicate=False))
        for name, weight in whole_parameters(policy.model, frozen=new):
            ours[name].copy_(weight)
        return cast(nn.Module, self._copy)

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        """See `Sampler.sample`; the model's mode and the global random state are as before afterwards."""
        if self._model is None:
            raise RuntimeError("sample() was called before load_policy(): the engine has no weights yet.")
        prompts = list(zip(problems, prefixes or [""] * len(problems), strict=True))
        heads = [self._encoder.text_ids(prefix) for _, prefix in prompts]
        for i, found in self._drawn(prompts, sampling):
            responses = [respond(self._encoder, ids, sampling, heads[i]) for ids in found]
            yield i, Rollout(problem=problems[i], responses=responses)

    def _drawn(self, prompts: list[Prompt], sampling: SamplingParams) -> Iterator[tuple[int, list[list[int]]]]:
        """Positions of prompts, and the ids of their N responses."""
        share, mixed = self._ways() if self.share_prompt else (False, False)
        if share:
            yield from Decoding(self._model, self._encoder, prompts, sampling, self.batch_size, mixed, self._drafts)
            return
        for rows in equal_prompts(self._encoder, prompts, max(1, self.batch_size // sampling.n)):
            with inference(self._model):
                ids, start = generate(self._model, self._encoder, [prompts[i] for i in rows], sampling)
            yield from zip(rows, ids[:, start:].view(len(rows), sampling.n, -1).tolist(), strict=True)

    def _ways(self) -> tuple[bool, bool]:
        """Whether the model can go on from a prompt that is encoded once, and prompts of all lengths together.

        Found out once per model.
        """
        if self._checked[0] is not self._model:
            dtype = self._model.dtype
            with inference(self._model):
                mixed = not why_not(partial(self._compare, mixed=True), self._encoder, dtype)
                share = mixed or can_share(partial(self._compare, mixed=False), self._encoder, dtype, "sampler")
            self._checked = self._model, share, mixed
        return self._checked[1:]

    def _compare(self, problems: Sequence[Problem], mixed: bool) -> tuple[Tensor, Tensor]:
        """Logits of two greedy tokens of each prompt, in two rows each, prompts shared and not: (P·2, 2, V) each.

        Mixed, prompts of different lengths are encoded and joined as `Decoding` does, and both tokens are fed at once,
        as guesses are.
        """
        sampling = SamplingParams(n=1, temperature=0.0, max_tokens=2)
        options = {"output_logits": True, "return_dict_in_generate": True, "eos_token_id": None}
        groups = [[(problem, "") for problem in problems]]
        if mixed:
            longer = (problems[0], "1 2")
            groups = [*groups, [longer]] if keeps_positions(self._model) else [[*groups[0][:1], longer], groups[0][1:]]
        alone = [generate(self._model, self._encoder, [x], sampling, **options) for group in groups for x in group]
        whole = torch.cat([torch.stack(found.logits, 1) for found, _ in alone]).repeat_interleave(2, 0)
        ids = torch.cat([found.sequences[:, start - 1 : start + 1] for found, start in alone]).repeat_interleave(2, 0)
        rows, *more = (Rows(begin(self._model, self._encoder, group)[0], 2) for group in groups)
        if mixed:
            rows.join(more)
            return rows.forward(ids), whole
        first = rows.forward(ids[:, :1])
        rows.keep_tokens(torch.ones_like(ids[:, 0]), 1)
        return torch.cat([first, rows.forward(ids[:, 1:])], 1), whole
