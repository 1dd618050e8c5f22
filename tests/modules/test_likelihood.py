"""The loss without logits of prompts, and in chunks, is the loss of all logits, whatever the model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import Gemma2Config, Gemma2ForCausalLM, GraniteConfig, GraniteForCausalLM

from lit_mstar import Backbone, Problem
from lit_mstar.encoding.encoder import IGNORE
from lit_mstar.encoding.prompt_cache import fit
from lit_mstar.modules import likelihood
from lit_mstar.modules.likelihood import ResponseLikelihood, response_nll
from support.helpers import make_tiny_backbone, png

LORA = {"r": 2, "lora_alpha": 4, "target_modules": "all-linear"}
SMALL: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
PROBLEMS = [
    Problem(id="a", question="What is 3 + 4?", images=(png(),)),
    Problem(id="b", question="What?", images=(png(30, 10),)),
    Problem(id="c", question="Which digit is the largest?"),
]


def by_all_logits(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """The loss of each labelled token, from the logits of every token."""
    targets = batch["labels"][:, 1:]
    logits = model(**fit({k: v for k, v in batch.items() if k != "labels"}, model)).logits[:, :-1]
    kept = targets != IGNORE
    return nn.functional.cross_entropy(logits[kept].float(), targets[kept], reduction="none")


def gradients(model: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def require_equal(model: nn.Module, batch: dict[str, Tensor], ours: ResponseLikelihood) -> None:
    losses, expected = ours.losses(model, batch), by_all_logits(model, batch)
    torch.testing.assert_close(losses, expected, atol=1e-5, rtol=1e-5)
    found, wanted = gradients(model, losses.sum()), gradients(model, expected.sum())
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], atol=1e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("chunk", [1, 1000, 10**9])  # a token at a time, a few, all
@pytest.mark.parametrize("options", [{}, {"lora": LORA}, {"gradient_checkpointing": True}], ids=str)
def test_losses_and_gradients_are_those_of_all_logits(
    tiny_folder, options: dict[str, Any], chunk: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(likelihood, "most_logits", lambda hidden: chunk)
    backbone = Backbone(str(tiny_folder), **options)
    batch = backbone.encoder.collate(PROBLEMS, [list(range(20, 20 + n)) for n in (7, 1, 12)])
    ours = ResponseLikelihood()
    require_equal(backbone.load_model().train(), batch, ours)
    assert ours._says_logits is False


@pytest.mark.parametrize(
    "make",
    [
        lambda: Gemma2ForCausalLM(Gemma2Config(**SMALL, final_logit_softcapping=2.0)),
        lambda: Gemma2ForCausalLM(Gemma2Config(**SMALL, final_logit_softcapping=30.0)),
        lambda: GraniteForCausalLM(GraniteConfig(**SMALL, logits_scaling=4.0)),
    ],
)
def test_a_model_that_changes_its_heads_words_is_heard_by_its_logits(make):
    torch.manual_seed(0)
    model, ours = make(), ResponseLikelihood()
    ids = torch.randint(3, 40, (2, 9))
    labels = torch.where(torch.arange(9) > 4, ids, IGNORE)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    for _ in range(2):
        require_equal(model, batch, ours)
        assert ours._says_logits


class Headless(nn.Module):
    """Says logits, and nobody knows how."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(30, 30)
        self.device, self.dtype = torch.device("cpu"), torch.float32

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        return type("Output", (), {"logits": self.table(input_ids)})()


def test_a_model_without_a_head_that_is_known_is_heard_by_all_its_logits():
    ids = torch.randint(3, 30, (2, 9))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.where(ids > 15, ids, IGNORE)}
    require_equal(Headless(), batch, ResponseLikelihood())


def test_the_head_sees_only_what_comes_before_labelled_tokens_and_is_itself_again():
    torch.manual_seed(0)
    backbone = make_tiny_backbone()
    model: Any = backbone.load_model()
    seen: list[Tensor] = []
    earlier = model.lm_head.forward
    model.lm_head.forward = lambda hidden: seen.append(hidden) or earlier(hidden)
    instead = model.lm_head.forward
    batch = backbone.encoder.collate(PROBLEMS, [[20, 21, 22], [23], [24, 25]])
    total, count = response_nll(model, batch)
    assert [tuple(hidden.shape) for hidden in seen] == [(6, model.config.text_config.hidden_size)]
    assert int(count) == 6
    assert model.lm_head.forward is instead
    assert "forward" not in make_tiny_backbone().load_model().lm_head.__dict__


def test_no_more_than_a_chunk_of_logits_is_kept_to_go_back(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    backbone = make_tiny_backbone()
    model: Any = backbone.load_model()
    vocabulary = model.config.text_config.vocab_size
    batch = backbone.encoder.collate(PROBLEMS, [list(range(20, 60))] * 3)

    def largest_of_logits(chunk: int) -> int:
        monkeypatch.setattr(likelihood, "most_logits", lambda hidden: chunk)
        kept: list[int] = [0]

        def pack(tensor: Tensor) -> Tensor:
            if tensor.shape[-1:] == (vocabulary,) and tensor.dim() == 2:
                kept.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            response_nll(model, batch)
        return max(kept)

    assert largest_of_logits(10**9) == 120 * vocabulary
    assert largest_of_logits(7 * vocabulary) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cross_entropy_and_its_gradient_are_torchs_even_where_a_token_is_next_to_impossible(dtype: torch.dtype):
    torch.manual_seed(0)
    logits = (torch.randn(5, 30) * 4).to(dtype)
    logits[0, 3], logits[1, 4] = -200.0, 200.0  # likelihoods of e^-200 and 1
    targets, weights = torch.tensor([3, 4, 5, 6, 7]), torch.tensor([1.0, 2.0, 0.0, -1.0, 0.5])
    found = []
    for losses in (likelihood._CrossEntropy.apply, likelihood._losses):
        leaf = logits.clone().requires_grad_()
        value = losses(leaf, targets)
        (value * weights).sum().backward()
        found.append((value.detach(), leaf.grad))
    for ours, torchs in zip(*found, strict=True):
        torch.testing.assert_close(ours, torchs)


def test_a_chunk_grows_with_what_layers_keep():
    assert likelihood.most_logits(10) == likelihood.LEAST == 2**22
    assert likelihood.most_logits(2**22) == 2**25
