"""Verdicts by a classification head at markers, against one forward pass by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoProcessor, AutoTokenizer

from lit_mstar.rollouts.images import open_image
from lit_mstar.scorers import StepFormat, TokenClassScorer, require_scores
from support.scorers import CHAINS, PROBLEMS, TEXT_ONLY, rollouts, save_classifier, save_qwen_classifier


def head_by_hand(folder: Path, hidden: torch.Tensor) -> torch.Tensor:
    tensors = load_file(folder / "model.safetensors")
    if "score.weight" in tensors:
        return hidden @ tensors["score.weight"].T
    inner = torch.relu(hidden @ tensors["score.0.weight"].T + tensors["score.0.bias"])
    return inner @ tensors["score.2.weight"].T + tensors["score.2.bias"]


def test_qwen_math_prm_two_classes_of_text(tmp_path: Path):
    path = save_classifier(tmp_path)
    scorer = TokenClassScorer(path, preset="qwen_math_prm", dtype="float32")
    scores = require_scores(scorer, rollouts(TEXT_ONLY))[0]
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path, dtype=torch.float32).eval()
    for found, chain in zip(scores, CHAINS, strict=True):
        if not chain:
            assert found == []
            continue
        turns = [
            {"role": "system", "content": "Please reason step by step, and put your final answer within \\boxed{}."},
            {"role": "user", "content": TEXT_ONLY[0].question},
            {"role": "assistant", "content": "<extra_0>".join(chain) + "<extra_0>"},
        ]
        ids = torch.tensor([tokenizer(tokenizer.apply_chat_template(turns, tokenize=False))["input_ids"]])
        with torch.no_grad():
            logits = head_by_hand(tmp_path, model(input_ids=ids).last_hidden_state[0])
        at = (ids[0] == tokenizer.convert_tokens_to_ids("<extra_0>")).nonzero()[:, 0]
        assert found == pytest.approx(logits[at].softmax(-1)[:, 1].tolist(), abs=1e-5)
    assert scorer.aggregation == "product"


def test_ursa_one_logit_behind_an_image(tmp_path: Path):
    pytest.importorskip("torchvision")
    path = save_qwen_classifier(tmp_path)
    scorer = TokenClassScorer(path, preset="ursa", dtype="float32")
    scores = require_scores(scorer, rollouts(PROBLEMS[:1]))[0]
    processor: Any = AutoProcessor.from_pretrained(path)
    model = AutoModel.from_pretrained(path, dtype=torch.float32).eval()
    marker = processor.tokenizer.convert_tokens_to_ids(" и")
    for found, chain in zip(scores, CHAINS, strict=True):
        if not chain:
            continue
        text = (
            "You are given a problem and a step-by-step solution. You need to check the correctness of each step.\n"
            f"Question:{PROBLEMS[0].question}\n" + "\n".join(f"{step} и" for step in chain)
        )
        turns = [
            {"role": "system", "content": [{"type": "text", "text": "You are a helpful assistant."}]},
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]},
        ]
        prompt = processor.apply_chat_template(turns, add_generation_prompt=True)
        batch = processor(text=[prompt], images=[[open_image(PROBLEMS[0].images[0])]], return_tensors="pt")
        with torch.no_grad():
            logits = head_by_hand(tmp_path, model(**batch).last_hidden_state[0])
        at = (batch["input_ids"][0] == marker).nonzero()[:, 0]
        assert len(at) == len(chain)  # the last step has its marker, too
        assert found == pytest.approx(logits[at, 0].sigmoid().tolist(), abs=1e-5)


def test_another_head_is_refused(tmp_path: Path):
    path = save_classifier(tmp_path, head="v_head", layers=1)
    with pytest.raises(ValueError, match=r"no classification head 'score' \(outside its layers: .*v_head.weight"):
        TokenClassScorer(path, preset="qwen_math_prm").check()
    TokenClassScorer(path, preset="qwen_math_prm", head="v_head").check()


def test_a_class_that_is_not_there_is_refused(tmp_path: Path):
    path = save_classifier(tmp_path, classes=1, layers=1)
    with pytest.raises(ValueError, match="its head has 1 classes, and positive is 1"):
        TokenClassScorer(path, preset="qwen_math_prm").check()


def test_turns_have_no_markers(tmp_path: Path):
    with pytest.raises(ValueError, match="layout is 'turns'"):
        TokenClassScorer(str(tmp_path), format=StepFormat(layout="turns"))
