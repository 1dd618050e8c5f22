from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lit_mstar import Backbone, Problem, TinyBackbone
from lit_mstar.encoding.appending import append_tokens
from lit_mstar.encoding.encoder import IGNORE, Encoder
from support.helpers import make_tiny_backbone, png

PAD = 99
WIDE, TALL = png(48, 16, (0, 90, 200)), png(16, 40, (30, 200, 10))
MIXED = [
    Problem(id="none", question="What is 3 + 4?"),
    Problem(id="one", question="What is the sum of the two digits?", images=(WIDE,)),
    Problem(id="several", question="Which?", images=(TALL, png(), WIDE)),
]
RESPONSES = ["Answer: 7", "Step 1: The first digit is 3.\nAnswer: 11", "é – 数"]


@pytest.fixture(scope="module")
def backbone() -> TinyBackbone:
    return make_tiny_backbone()


@pytest.fixture(scope="module")
def encoder(backbone: TinyBackbone) -> Encoder:
    return backbone.encoder


def test_only_the_response_is_labelled(encoder: Encoder):
    batch = encoder.collate(MIXED, [encoder.response_ids(text) for text in RESPONSES])
    for ids, labels, text in zip(batch["input_ids"], batch["labels"], RESPONSES, strict=True):
        kept = labels[labels != IGNORE]
        assert encoder.decode(kept.tolist()) == text
        assert kept[-1] == encoder.end_id
        assert torch.equal(ids[labels != IGNORE], kept)


def test_labels_begin_where_the_prompt_ends(encoder: Encoder):
    batch = encoder.collate(MIXED, [encoder.response_ids(text) for text in RESPONSES])
    for row, problem in enumerate(MIXED):
        prompt = encoder.prompts([problem])["input_ids"][0]
        ids, labels = batch["input_ids"][row], batch["labels"][row]
        assert torch.equal(ids[: len(prompt)], prompt)
        assert (labels[: len(prompt)] == IGNORE).all()
        assert labels[len(prompt)] != IGNORE


def test_a_row_is_the_same_alone(encoder: Encoder):
    ids = [encoder.response_ids(text) for text in RESPONSES]
    batch = encoder.collate(MIXED, ids)
    for row, problem in enumerate(MIXED):
        alone = encoder.collate([problem], [ids[row]])
        length = alone["input_ids"].shape[1]
        for name in ("input_ids", "attention_mask", "labels"):
            assert torch.equal(batch[name][row, :length], alone[name][0])
        assert (batch["input_ids"][row, length:] == encoder.pad_id).all()
        assert (batch["attention_mask"][row, length:] == 0).all()
        assert (batch["labels"][row, length:] == IGNORE).all()
    assert batch["input_ids"].shape[1] == max(int(mask.sum()) for mask in batch["attention_mask"])


def test_a_row_has_the_same_logits_alone(backbone: TinyBackbone):
    """With zero, one and several images in one batch."""
    model, encoder = backbone.load_model().eval(), backbone.encoder
    ids = [encoder.response_ids(text) for text in RESPONSES]

    def logits(problems: list[Problem], responses: list[list[int]]) -> Tensor:
        batch = encoder.collate(problems, responses)
        batch.pop("labels")
        return model(**batch).logits

    with torch.no_grad():
        together = logits(MIXED, ids)
        for row, problem in enumerate(MIXED):
            alone = logits([problem], [ids[row]])[0]
            torch.testing.assert_close(together[row, : len(alone)], alone, atol=1e-5, rtol=1e-5)


def test_images_reach_the_model_in_their_order(backbone: TinyBackbone):
    model, encoder = backbone.load_model().eval(), backbone.encoder
    orders = [(WIDE, TALL), (TALL, WIDE), (WIDE, TALL)]
    batch = encoder.prompts([Problem(id="p", question="?", images=images) for images in orders])
    with torch.no_grad():
        first, swapped, same = model(**batch).logits[:, -1]
    torch.testing.assert_close(first, same)
    assert (first - swapped).abs().max() > 1e-6


def test_choices_are_lettered(encoder: Encoder):
    problem = Problem(id="p", question="Which colour?", choices=("red", "green", "blue"))
    assert "Which colour?\n(A) red\n(B) green\n(C) blue" in encoder.prompt_text(problem)


def test_the_prompt_says_where_question_and_choices_go(backbone: TinyBackbone):
    encoder = Encoder(backbone.processor, prompt="Options:{choices}\nQ: {question} Think in steps.")
    problem = Problem(id="p", question="Which?", choices=("red", "green"), images=(WIDE, TALL))
    text = encoder.prompt_text(problem)
    assert "Options:\n(A) red\n(B) green\nQ: Which? Think in steps." in text
    assert text.count("<image>") == 2


def test_a_problem_may_bring_a_prompt_of_its_own(encoder: Encoder):
    problem = Problem(id="p", question="Which?", choices=("red", "green"), prompt="Look: {question}")
    assert "Look: Which?" in encoder.prompt_text(problem)
    assert "red" not in encoder.prompt_text(problem)


@pytest.mark.parametrize(("question", "choice"), [("What is {choices}?", "x"), ("Which?", "{question}"), ("{}", "{0}")])
def test_braces_of_a_problem_are_left_alone(encoder: Encoder, question: str, choice: str):
    problem = Problem(id="p", question=question, choices=(choice,))
    assert f"{question}\n(A) {choice}" in encoder.prompt_text(problem)


def test_prompts_show_the_question_and_its_images(encoder: Encoder):
    batch = encoder.prompts(MIXED)
    image = encoder.tokenizer.convert_tokens_to_ids("<image>")
    for ids, problem in zip(batch["input_ids"], MIXED, strict=True):
        assert int((ids == image).sum()) == 4 * len(problem.images)  # (32 / 8 / 2)² tokens each
        assert encoder.decode(ids.tolist()).strip() == problem.question


def test_all_special_tokens_but_the_end_are_forbidden(encoder: Encoder):
    specials = {"<pad>", "<bos>", "<fake_token_around_image>", "<global-img>", "<image>"}
    assert set(encoder.tokenizer.convert_ids_to_tokens(encoder.forbidden_ids)) == specials
    assert encoder.tokenizer.convert_ids_to_tokens(encoder.end_id) == "<end_of_utterance>"
    assert encoder.end_id not in encoder.forbidden_ids


SPECIAL = ["<pad>", "<bos>", "<end_of_utterance>", "<fake_token_around_image>", "<global-img>", "<image>"]
ENCODER = make_tiny_backbone().encoder


@settings(deadline=None)
@given(st.lists(st.sampled_from([*SPECIAL, "<ima", "ge>", "<", " ", "é数"]) | st.text(max_size=5)).map("".join))
def test_a_text_is_text_whatever_it_spells(text: str):
    ids = ENCODER.text_ids(text)
    assert not {*ENCODER.forbidden_ids, ENCODER.end_id} & set(ids)
    assert ENCODER.decode(ids) == text
    assert ENCODER.response_ids(text) == [*ids, ENCODER.end_id]


def test_a_response_that_spells_control_tokens_is_learned_to_its_end(backbone: TinyBackbone):
    """In a seed chain, "<image>" ended the run and the end token the reasoning."""
    encoder = backbone.encoder
    text = "In <image> I see 4, so\nAnswer: <end_of_utterance> 4"
    batch = encoder.collate(MIXED, [encoder.response_ids(text)] * 3)
    for labels in batch.pop("labels"):
        learned = labels[labels != IGNORE].tolist()
        assert encoder.decode(learned) == text
        assert [i for i, token in enumerate(learned) if token == encoder.end_id] == [len(learned) - 1]
    with torch.no_grad():
        assert backbone.load_model()(**batch).logits.isfinite().all()


def test_a_saved_processor_forbids_the_same_tokens(encoder: Encoder, folder_backbone: Backbone):
    assert sorted(folder_backbone.encoder.forbidden_ids) == sorted(encoder.forbidden_ids)
    assert folder_backbone.encoder.end_id == encoder.end_id


def test_without_a_pad_token_rows_are_filled_with_the_end():
    encoder = make_tiny_backbone().encoder
    assert encoder.pad_id == encoder.tokenizer.convert_tokens_to_ids("<pad>")
    encoder.tokenizer.pad_token = None
    assert encoder.pad_id == encoder.end_id


token = st.integers(1, 50)
rows = st.lists(st.tuples(st.lists(token, min_size=4, max_size=7), st.lists(token, max_size=5)), min_size=1, max_size=4)


def padded(row: list[int], width: int, left: bool, fill: int) -> list[int]:
    missing = [fill] * (width - len(row))
    return missing + row if left else row + missing


def qwen_like(prompts: list[list[int]], left: bool) -> dict[str, Tensor]:
    """A processor's output with flattened pixels: even token ids stand for an image's tokens."""
    width = max(map(len, prompts))
    kinds = [[1 - t % 2 for t in row] for row in prompts]
    tensors: dict[str, Any] = {
        "input_ids": torch.tensor([padded(row, width, left, PAD) for row in prompts]),
        "attention_mask": torch.tensor([padded([1] * len(row), width, left, 0) for row in prompts]),
        "mm_token_type_ids": torch.tensor([padded(row, width, left, 0) for row in kinds]),
        "pixel_values": torch.rand(12, 6),
        "image_grid_thw": torch.tensor([[1, 2, 2], [1, 4, 2]]),
    }
    return tensors


@settings(deadline=None)
@given(rows, st.booleans())
def test_tails_are_appended_to_what_is_not_padding(rows: list[tuple[list[int], list[int]]], left: bool):
    prompts = qwen_like([prompt for prompt, _ in rows], left)
    batch = append_tokens(prompts, [torch.tensor(tail, dtype=torch.long) for _, tail in rows], PAD)
    width = max(len(prompt) + len(tail) for prompt, tail in rows)
    kinds = [[1 - t % 2 for t in prompt] + [0] * len(tail) for prompt, tail in rows]  # 0 marks text
    expected = {
        "input_ids": [padded(prompt + tail, width, False, PAD) for prompt, tail in rows],
        "attention_mask": [padded([1] * len(prompt + tail), width, False, 0) for prompt, tail in rows],
        "mm_token_type_ids": [padded(row, width, False, 0) for row in kinds],
    }
    assert {name: batch[name].tolist() for name in expected} == expected
    assert batch.keys() == prompts.keys()
    assert batch["pixel_values"] is prompts["pixel_values"]
    assert batch["image_grid_thw"] is prompts["image_grid_thw"]


@settings(deadline=None)
@given(rows, st.booleans())
def test_appending_in_two_parts_is_appending_once(rows: list[tuple[list[int], list[int]]], left: bool):
    prompts = qwen_like([prompt for prompt, _ in rows], left)
    tails = [torch.tensor(tail, dtype=torch.long) for _, tail in rows]
    once = append_tokens(prompts, tails, PAD)
    twice = append_tokens(append_tokens(prompts, [t[:2] for t in tails], PAD), [t[2:] for t in tails], PAD)
    assert all(torch.equal(once[name], twice[name]) for name in once)
