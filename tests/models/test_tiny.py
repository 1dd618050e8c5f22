from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lit_mstar import Problem, TinyBackbone
from support.helpers import CORPUS, make_tiny_backbone, png

ENCODER = make_tiny_backbone().encoder
texts = st.text(max_size=60) | st.lists(st.sampled_from([*CORPUS, "Step", " 12", "\n", "\n\n", " "])).map("".join)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
def test_every_digit_is_a_token(numbers: list[int]):
    text = " + ".join(map(str, numbers))
    pieces = [ENCODER.decode([token]) for token in ENCODER.text_ids(text)]
    assert [piece for piece in pieces if any(char.isdigit() for char in piece)] == [c for c in text if c.isdigit()]


def test_frequent_phrases_are_single_tokens():
    assert len(ENCODER.text_ids(CORPUS[1])) < len(CORPUS[1]) / 2


def test_no_token_reaches_over_the_end_of_a_line():
    pieces = [ENCODER.decode([token]) for token in range(len(ENCODER.tokenizer))]
    assert sum("\n" in piece for piece in pieces) > 1  # also merged with what is before it
    assert all("\n" not in piece[:-1] for piece in pieces)


@settings(deadline=None)
@given(texts, texts)
@example("Step 1: The first digit is 3.", "Step 2: The second digit is 4.\n")
def test_lines_have_the_same_tokens_alone(before: str, after: str):
    line = before + "\n"
    assert ENCODER.text_ids(line + after) == ENCODER.text_ids(line) + ENCODER.text_ids(after)


@settings(deadline=None)
@given(texts)
@example(" .")
@example(" n't ,")
@example("e\u0301\u200b\ufeff\U0001f600\x00\r\n")
def test_any_text_comes_back(text: str):
    assert ENCODER.decode(ENCODER.text_ids(text)) == text
    assert ENCODER.decode(ENCODER.response_ids(text)) == text


def test_equal_seeds_give_equal_weights(tiny_backbone: TinyBackbone):
    states = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        states.append(tiny_backbone.load_model().state_dict())
    same = [all(torch.equal(states[0][name], state[name]) for name in states[0]) for state in states]
    assert same == [True, True, False]


@pytest.mark.parametrize(("sizes", "tokens"), [({}, 4), ({"scale_factor": 1}, 16), ({"image_size": 64}, 16)])
@pytest.mark.parametrize("image", [png(8, 8), png(90, 7), png(7, 90)])
def test_an_image_takes_as_many_tokens_as_promised(sizes: dict[str, int], tokens: int, image: bytes):
    backbone = make_tiny_backbone(**sizes)
    batch = backbone.encoder.prompts([Problem(id="p", question="?", images=(image,))])
    model = backbone.load_model()
    assert int((batch["input_ids"] == model.config.image_token_id).sum()) == tokens
    assert model(**batch).logits.isfinite().all()


def test_the_image_is_seen(tiny_backbone: TinyBackbone):
    model = tiny_backbone.load_model().eval()
    red, blue = (Problem(id="p", question="?", images=(png(color=color),)) for color in ((255, 0, 0), (0, 0, 255)))
    with torch.no_grad():
        logits = [model(**tiny_backbone.encoder.prompts([problem])).logits for problem in (red, blue)]
    assert (logits[0] - logits[1]).abs().max() > 1e-6


def test_the_vocabulary_has_no_spare_rows(tiny_backbone: TinyBackbone):
    model = tiny_backbone.load_model()
    assert model.lm_head.weight.shape[0] == len(tiny_backbone.encoder.tokenizer) <= 350


def test_it_names_the_class_it_builds(tiny_backbone: TinyBackbone):
    assert tiny_backbone.architecture() == type(tiny_backbone.load_model()).__name__
    tiny_backbone.check()  # nothing to find on disk


def test_the_question_is_set_apart_from_the_response():
    assert ENCODER.prompt_text(Problem(id="p", question="What?")).endswith("What?\n")
