"""Released reward models in small: random weights in native architectures, with the tokens that their formats want."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from models.zoo.internvl import internvl
from models.zoo.parts import CHATML, TEXT, chat_template
from models.zoo.qwen import qwen2_5_vl
from models.zoo.tokenizers import byte_level
from torch import nn

from lit_mstar import Problem, Response, Rollout
from lit_mstar.rollouts.nouns import Rollout as _Rollout
from lit_mstar.scorers import StepScorer
from support.helpers import png

CHAINS = [
    ["Step 1: The first digit is 3.", "Step 2: The second digit is 4.", "Step 3: 3 + 4 = 7."],
    ["Step 1: The first digit is 3.", "Step 2: it is ünï + 4"],
    [],
    ["No + and no - here."],
]
PROBLEMS = [
    Problem(id="one", question="What is the sum?", images=(png(40, 24),), answer="SECRET"),
    Problem(id="two", question="Which?", choices=("SEEN", "other"), images=(png(24, 24, (0, 90, 3)),), answer="SECRET"),
]
TEXT_ONLY = [Problem(id="text", question="What is 3 + 4?", answer="SECRET")]


def rollouts(problems: Sequence[Problem] = PROBLEMS, chains: Sequence[list[str]] = CHAINS) -> list[Rollout]:
    """Every chain about every problem."""
    return [Rollout(problem=p, responses=[Response(text="", steps=list(c)) for c in chains]) for p in problems]


def save_internvl(folder: Path) -> str:
    """InternVL whose tokenizer has `<prm>` and words for verdicts as tokens."""
    return _saved(*internvl(), folder)


def save_qwen(folder: Path) -> str:
    """Qwen2.5-VL."""
    return _saved(*qwen2_5_vl(), folder)


def save_qwen_classifier(folder: Path, classes: int = 1) -> str:
    """Qwen2.5-VL with a linear head, and " и" a token."""
    from safetensors.torch import load_file, save_file

    _saved(*qwen2_5_vl(), folder, words=("<prm>", " и"))
    file = folder / "model.safetensors"
    save_file(load_file(file) | {"score.weight": torch.randn(classes, 64)}, file, metadata={"format": "pt"})
    return str(folder)


def _saved(model: nn.Module, processor: object, folder: Path, words: Sequence[str] = ("Yes", "No")) -> str:
    torch.manual_seed(0)
    tokenizer = processor.tokenizer
    tokenizer.add_tokens(["<prm>"], special_tokens=True)
    tokenizer.add_tokens(list(words))
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for weight in model.parameters():  # large enough that scores differ
            if weight.dim() > 1:
                weight.normal_(0, 0.15)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)


def save_classifier(
    folder: Path, classes: int = 2, layers: int = 2, head: str = "score", marker: str = "<extra_0>"
) -> str:
    """A Qwen2 of text with a classification head of one or two layers at marker tokens."""
    from safetensors.torch import load_file, save_file
    from transformers import Qwen2Config, Qwen2Model

    torch.manual_seed(1)
    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *([marker] if marker.startswith("<") else []))
    tokenizer = byte_level(special, end="<|im_end|>", pad="<|endoftext|>")
    tokenizer.chat_template = chat_template(CHATML, "", end="<|im_end|>\n", answer="<|im_start|>assistant\n")
    model = Qwen2Model(Qwen2Config(**TEXT, vocab_size=len(tokenizer), architectures=["Qwen2ForProcessRewardModel"]))
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.15)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    width = TEXT["hidden_size"]
    file = folder / "model.safetensors"
    tensors = {f"model.{name}": value for name, value in load_file(file).items()}
    if layers == 1:
        tensors |= {f"{head}.weight": torch.randn(classes, width)}
    else:
        tensors |= {f"{head}.0.weight": torch.randn(width, width) / 8, f"{head}.0.bias": torch.randn(width) / 8}
        tensors |= {f"{head}.2.weight": torch.randn(classes, width) / 4, f"{head}.2.bias": torch.randn(classes) / 8}
    save_file(tensors, file, metadata={"format": "pt"})
    return str(folder)


class ListedScorer(StepScorer):
    """Gives the scores that it is told to, the same to every response."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = scores

    def score(self, rollouts: Sequence[_Rollout]) -> list[list[list[float]]]:
        return [[list(self.scores) for _ in rollout.responses] for rollout in rollouts]
