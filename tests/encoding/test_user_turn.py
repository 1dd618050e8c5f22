from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.prompt_cache import equal_prompts
from lit_mstar.samplers.base import SamplingParams
from lit_mstar.samplers.request import make_request
from support.helpers import make_tiny_backbone, png

BACKBONE = make_tiny_backbone()
ENCODER = BACKBONE.encoder
IMAGES = tuple(png(8 * k, 8, (k, 9, 99)) for k in (1, 2, 3))
SPECIAL = [token.content for token in ENCODER.tokenizer.added_tokens_decoder.values()]
GROUP = "<image>"  # as the chat template writes it
IMAGES_FIRST = (
    "{% for message in messages %}{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>"
    "{% endif %}{% endfor %}{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{% endfor %}"
)


def made(question: str, images: int = 0, choices: tuple[str, ...] = ()) -> Problem:
    return Problem(id="p", question=question, images=IMAGES[:images], choices=choices)


def control_ids(encoder: Encoder, problem: Problem) -> list[int]:
    """The control tokens that the model sees, in order."""
    controls = {*encoder.forbidden_ids, encoder.end_id}
    return [i for i in encoder.prompts([problem])["input_ids"][0].tolist() if i in controls]


@pytest.mark.parametrize(
    ("problem", "text", "order"),
    [
        (made("Which?", 2, ("A. cup", "B. jug")), "<image><image>Which?\n(A) cup\n(B) jug", [0, 1]),
        (made("<image>\nWhich?", 1), "<image>Which?", [0]),
        (made("Is <image> <image> like?", 2), "Is <image> <image> like?", [0, 1]),
        (made("Is <image 2> like <image 1>?", 3), "<image>Is <image> like <image>?", [2, 1, 0]),
        (made("Is <image 2>? <image 2>!", 2), "<image>Is <image>? image 2!", [0, 1]),
        (made("<Image_1> Which?", 3, ("<image 3>", "x")), "<image><image>Which?\n(A) <image>\n(B) x", [1, 0, 2]),
        (made("Which?", 2, ("<image>", "(B) <|image|>")), "Which?\n(A) <image>\n(B) (B) <image>", [0, 1]),
        (made("Which?", 2, ("A. <|image_pad|>", "B. <image>")), "Which?\n(A) <image>\n(B) <image>", [0, 1]),
        (made("<image><image> Which?", 1), "<image>Which?", [0]),
        (made("<image 2> Which?", 1, ("<image>",)), "<image>Which?\n(A) ", [0]),
        (made("What does <image> do?"), "What does  do?", []),
        (made("<video> What?", 1), "<image>What?", [0]),
    ],
)
def test_images_stand_where_the_data_marks_them(problem: Problem, text: str, order: list[int]):
    assert ENCODER.prompt_text(problem) == f"<bos>{text}\n"
    assert ENCODER.images(problem) == tuple(IMAGES[i] for i in order)


def test_choices_before_the_question_bring_their_images_along():
    encoder = Encoder(BACKBONE.processor, "Options:{choices}\nQ: {question} Again: {question}")
    problem = made("Is <image> it?", 2, ("<image>", "x"))
    assert encoder.prompt_text(problem) == (
        "<bos>Options:\n(A) <image>\n(B) x\nQ: Is <image> it? Again: Is image 1 it?\n"
    )
    assert encoder.images(problem) == (IMAGES[1], IMAGES[0])
    assert encoder.prompt_text(made("<image>\nWhich?", 1)).startswith("<bos><image>Options:\nQ: Which?")  # only marks


def test_every_taker_of_images_gets_them_in_the_order_of_the_prompt():
    swapped = made("Is <image 2> like <image 1>?", 2)
    same = Problem(id="q", question="Is <image 1> like <image 2>?", images=IMAGES[1::-1])
    first, second = (ENCODER.prompts([problem]) for problem in (swapped, same))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert make_request(ENCODER, swapped, "", SamplingParams()).images == IMAGES[1::-1]
    other = Problem(id="r", question="Is <image 2> like <image 1>?", images=IMAGES[1::-1])
    assert list(equal_prompts(ENCODER, [(swapped, ""), (same, ""), (other, "")], 9)) == [[0, 1], [2]]


def test_a_template_that_puts_images_first_names_them_in_the_text():
    processor: Any = make_tiny_backbone().processor
    processor.chat_template = IMAGES_FIRST
    encoder = Encoder(processor)
    problem = made("Is <image 2> like <image 1>?", 2)
    assert encoder.prompt_text(problem) == "<image><image>Is image 2 like image 1?"
    assert encoder.images(problem) == IMAGES[:2]
    assert encoder.prompt_text(made("Which?", 2, ("<image>",) * 2)).endswith("Which?\n(A) image 1\n(B) image 2")
    assert encoder.prompt_text(made("<image>\nWhich?", 1, ("A. x",))) == "<image>Which?\n(A) x"


def test_more_choices_than_letters_are_refused():
    assert ENCODER.prompt_text(made("Which?", 0, ("x",) * 26)).endswith("\n(Z) x\n")
    with pytest.raises(ValueError, match="has 27 choices, there are 26 letters"):
        ENCODER.prompt_text(made("Which?", 0, ("x",) * 27))


@pytest.mark.parametrize("special", [*SPECIAL, "<image 1>", "<video>", "<|endoftext|>", "</s>"])
@pytest.mark.parametrize("images", [0, 1, 2])
def test_control_tokens_in_data_are_text(special: str, images: int):
    problem = made(f"Is {special}, é, right?", images, (special, f"x{special * 3}"))
    harmless = made("Is it, é, right?", images, ("it", "x"))
    assert control_ids(ENCODER, problem) == control_ids(ENCODER, harmless)
    shown = ENCODER.decode(ENCODER.prompts([problem])["input_ids"][0].tolist())
    if special in SPECIAL and special != "<image>":
        assert shown.replace("\u200b", "").count(special) == 5


spelled = st.lists(
    st.sampled_from([*SPECIAL, "<image 2>", "<ima", "ge>", "<Image_1>"]) | st.text(max_size=4), max_size=6
)


@settings(deadline=None, max_examples=200)
@given(spelled.map("".join), spelled.map("".join), st.integers(0, 3))
def test_no_data_adds_a_control_token(question: str, choice: str, images: int):
    problem = made(question, images, (choice,))
    expected = sorted(control_ids(ENCODER, made("?", images, ("?",))))
    assert sorted(control_ids(ENCODER, problem)) == expected
    assert sorted(ENCODER.images(problem)) == sorted(IMAGES[:images])
    assert ENCODER.prompt_text(problem).count(GROUP) == images
    assert ENCODER.prompt_ids(problem).count(ENCODER.tokenizer.convert_tokens_to_ids(GROUP)) == images
