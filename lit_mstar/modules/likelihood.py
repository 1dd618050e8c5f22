"""The likelihood of responses without the logits of anything else.

Only the hidden states before a response's tokens go through the head: prompts and images, most of a row, never do.
Where the vocabulary is long, logits are there a chunk at a time, forward and backward.

Notation: B rows, L tokens, D width, K tokens that carry a label, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from lit_mstar.encoding.encoder import IGNORE, Batch
from lit_mstar.encoding.prompt_cache import fit, forget
from lit_mstar.encoding.shared_rows import apart, preceding

LEAST = 2**22  # logits that may be there at a time, however few the hidden states are: 16 MiB in float32 (ours)
_RATIO = 8  # logits for each number in the hidden states of all tokens, ours: layers keep more of them than that

_MARK = 50.0  # beside the losses: a scale would change it, and so would a cap (at 30 in published models)


class ResponseLikelihood:
    """Negative log-likelihood of response tokens, by one model.

    In the model's own forward pass its head says each token's loss instead of its logits, so that wrappers, adapters
    and shards around the head work as ever. A model that changes what the head says, by a cap or a scale, changes a
    mark beside the losses as well: it is then run again, and from then on its head says logits, of K tokens alone.
    """

    def __init__(self) -> None:
        self._says_logits: bool | None = None  # until a mark has told

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """The paper's Improve step: gradient steps on -log π(ŷ|x, o), response tokens only.

        Returns:
            The sum of `losses` in nats, float32 scalar, and their number.
        """
        losses = self.losses(model, batch)
        return losses.sum(), torch.tensor(len(losses), device=losses.device)

    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """Each labelled token's own (K,) float32, row by row.

        Args:
            model: A causal model whose output has `logits` (B, L, V).
            batch: What `Encoder.collate` or `collate_shared` gives; `labels` (B, L) are `IGNORE` where no loss is.
        """
        inputs = {name: value for name, value in batch.items() if name not in ("labels", "segments")}
        labels, segments = batch["labels"], batch.get("segments")
        rows, places = (labels[:, 1:] != IGNORE).nonzero(as_tuple=True)  # a token is predicted from those before it
        targets = labels[rows, places + 1]
        if segments is not None:
            places = preceding(segments)[rows, places + 1]
        head: Any = getattr(model, "get_output_embeddings", lambda: None)()
        asked = False

        def say(own: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
            nonlocal asked
            if hidden.shape[:2] != labels.shape:
                return own(hidden)
            asked, kept = True, hidden[rows, places]  # (K, D)
            if self._says_logits:
                return own(kept[None])
            vocabulary = model.config.get_text_config().vocab_size  # type: ignore[union-attr, operator]
            found = _chunked(own, kept, targets, max(1, most_logits(hidden.numel()) // vocabulary))
            return torch.cat([found, found.new_full((1,), _MARK)])[None, :, None]  # (1, K + 1, 1)

        forget(model)
        with apart(model, segments), _instead(head, say):
            said = model(**fit(inputs, model)).logits
        if not asked:  # there is no head, or it is asked otherwise: these are the logits of all tokens
            return _losses(said[rows, places], targets)
        if self._says_logits:
            return _losses(said[0], targets)
        if self._says_logits is None:
            self._says_logits = bool(said[0, -1, 0] != _MARK)
            if self._says_logits:
                return self.losses(model, batch)
        return said[0, :-1, 0]  # type: ignore[no-any-return]


def response_nll(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """`ResponseLikelihood` by a model that is asked once."""
    return ResponseLikelihood()(model, batch)


def most_logits(hidden: int) -> int:
    """How many logits are there at a time, by how many numbers the hidden states of a batch are (B·L·D)."""
    return max(LEAST, _RATIO * hidden)


def _chunked(head: Callable[[Tensor], Tensor], hidden: Tensor, targets: Tensor, size: int) -> Tensor:
    """Losses (K,) of hidden states (K, D), so many at a time; where they are more, logits are computed twice."""

    def losses(hidden: Tensor, targets: Tensor) -> Tensor:
        return cast(Tensor, _CrossEntropy.apply(head(hidden), targets))

    if len(hidden) <= size:
        return losses(hidden, targets)
    parts = zip(torch.split(hidden, size), torch.split(targets, size), strict=True)
    return torch.cat([checkpoint(losses, *part, use_reentrant=False) for part in parts])


class _CrossEntropy(torch.autograd.Function):
    """`_losses` with one copy of the logits (K, V) less on the way back: their gradient, softmax - onehot, is kept."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        index = targets[:, None]
        largest = logits.amax(1, keepdim=True).float()
        gradient = torch.sub(logits, largest).exp_()
        total = gradient.sum(1, keepdim=True)
        gradient.div_(total).scatter_add_(1, index, gradient.new_full(index.shape, -1.0))
        ctx.save_for_backward(gradient)
        ctx.dtype = logits.dtype
        return (total.log() + largest - logits.gather(1, index).float()).squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, loss: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * loss[:, None]).to(ctx.dtype), None


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.float(), targets, reduction="none")


@contextmanager
def _instead(module: nn.Module | None, forward: Callable[..., Tensor]) -> Iterator[None]:
    """While it is open, a module computes `forward(its own, …)`; others may have put theirs there before."""
    if module is None:
        yield
        return
    earlier, own = module.__dict__.get("forward"), module.forward
    module.forward = lambda *args, **kwargs: forward(own, *args, **kwargs)
    try:
        yield
    finally:
        del module.forward
        if earlier is not None:
            module.forward = earlier
