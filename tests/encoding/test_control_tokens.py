from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lit_mstar.encoding.control_tokens import ControlTokens
from lit_mstar.encoding.encoder import Encoder
from support.helpers import make_tiny_backbone

PROCESSOR: Any = make_tiny_backbone().processor
CONTROLS = ControlTokens(PROCESSOR)
SPELLED = [token.content for token in PROCESSOR.tokenizer.added_tokens_decoder.values()]
texts = st.lists(st.sampled_from([*SPELLED, "<image", "image>", "<", ">", " é", "\n"]) | st.text(max_size=5)).map(
    "".join
)


def test_all_special_tokens_are_control_tokens():
    assert len(SPELLED) == 6
    assert frozenset(PROCESSOR.tokenizer.convert_tokens_to_ids(SPELLED)) == CONTROLS.ids


@settings(deadline=None)
@given(texts)
def test_pieces_spell_no_control_token_and_lose_nothing(text: str):
    pieces = CONTROLS.broken(text)
    assert "".join(pieces) == text
    assert not any(token in piece for piece in pieces for token in SPELLED)
    assert not any(token in CONTROLS.neutral(text) for token in SPELLED)
    assert (len(pieces) == 1) == (not any(token in text for token in SPELLED))


@pytest.mark.parametrize(
    ("text", "neutral"),
    [
        ("In <image> I see 4", "In <\u200bimage> I see 4"),
        ("<pad><pad>", "<\u200bpad><\u200bpad>"),
        ("<<image>image>", "<<\u200bimage>image>"),
        ("<pa<pad>d>", "<pa<\u200bpad>d>"),
        ("a < b > c, 数 <images> \u200b", "a < b > c, 数 <images> \u200b"),
        ("", ""),
    ],
)
def test_only_what_is_spelled_is_broken(text: str, neutral: str):
    assert CONTROLS.neutral(text) == neutral


def test_what_the_processor_expands_is_a_control_token_flagged_or_not():
    processor: Any = make_tiny_backbone().processor
    processor.tokenizer.add_tokens(["<picture>", "<think>"])
    processor.image_token, processor.video_token = "<picture>", "<no such token>"
    encoder = Encoder(processor)
    picture, think = processor.tokenizer.convert_tokens_to_ids(["<picture>", "<think>"])
    assert picture in encoder.forbidden_ids
    assert think not in encoder.forbidden_ids  # models write it themselves
    ids = encoder.text_ids("a <picture> of <think>")
    assert picture not in ids
    assert think in ids
    assert encoder.decode(ids) == "a <picture> of <think>"
    assert ControlTokens(processor).neutral("<no such token>") == "<\u200bno such token>"


def words_processor(**named: str) -> Any:
    """A processor whose vocabulary has its special tokens as ordinary pieces, as those from SentencePiece have."""
    vocabulary = {word: i for i, word in enumerate(["[UNK]", "</s>", "!", "Hello", "<", "/s>", "é"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", behavior="removed")
    fast: Any = PreTrainedTokenizerFast
    return SimpleNamespace(tokenizer=fast(tokenizer_object=tokenizer, **named))


def test_pieces_of_the_vocabulary_are_broken_up_too():
    encoder = Encoder(words_processor(unk_token="[UNK]", eos_token="</s>"))
    assert encoder.end_id == 1
    assert encoder.text_ids("Hello </s> é") == [3, 4, 5, 6]
    assert encoder.response_ids("</s>") == [4, 5, 1]


def test_a_tokenizer_that_puts_a_space_before_a_text_puts_none_into_it():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(special_tokens=["</s>"], show_progress=False)
    tokenizer.train_from_iterator(["Hello </s> 4"], trainer)
    fast: Any = PreTrainedTokenizerFast
    encoder = Encoder(SimpleNamespace(tokenizer=fast(tokenizer_object=tokenizer, eos_token="</s>")))
    assert encoder.decode(encoder.text_ids("Hello </s> 4")) == "Hello </s> 4"
    assert encoder.end_id not in encoder.text_ids("Hello </s> 4")


def test_a_character_of_text_that_also_pads_stays_what_it_is():
    encoder = Encoder(words_processor(eos_token="</s>", pad_token="!", unk_token="[UNK]"))
    assert encoder.text_ids("Hello !") == [3, 2]
    assert ControlTokens(encoder.processor).neutral("Hello!") == "Hello!"
