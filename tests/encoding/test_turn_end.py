"""A turn ends in what the chat template writes behind it, whatever the tokenizer's EOS is."""

from __future__ import annotations

from typing import Any

import pytest

from lit_mstar.encoding.control_tokens import ControlTokens
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.turn_end import learned_end
from support.helpers import make_tiny_backbone

PROCESSOR: Any = make_tiny_backbone().processor
PROCESSOR.tokenizer.add_special_tokens({"additional_special_tokens": ["<turn|>", "<|user|>", "<|assistant|>", "<s>"]})
CONTROLS = ControlTokens(PROCESSOR)
EOS = PROCESSOR.tokenizer.eos_token_id


def token(text: str) -> int:
    return int(PROCESSOR.tokenizer.convert_tokens_to_ids(text))


def chat(behind: str, before: str = "") -> Any:
    def render(turns: list[dict[str, Any]]) -> str:
        return "".join(
            f"{before}{turn['content'][0]['text']}{behind if turn['role'] == 'assistant' else ''}" for turn in turns
        )

    return render


@pytest.mark.parametrize(
    ("behind", "before", "stops", "expected"),
    [
        ("<turn|>\n", "", [], "<turn|>"),  # at once behind the text
        ("\n", "<|user|>", ["<|user|>"], "<|user|>"),  # the next turn's beginning, at which checkpoints stop
        ("</s> <s>", "", [], None),  # text, then a token: not the end of what was said
        ("<s><turn|>", "", ["<turn|>"], "<turn|>"),  # one at which checkpoints stop before one that comes first
        (" ", "USER: ", [], None),  # no control token
    ],
)
def test_the_end_is_read_from_the_template(behind: str, before: str, stops: list[str], expected: str | None):
    found = learned_end(chat(behind, before), CONTROLS, [*map(token, stops)], default=EOS)
    assert found == (token(expected) if expected else EOS)


def test_a_template_that_refuses_the_chat_leaves_the_default():
    def render(turns: list[dict[str, Any]]) -> str:
        raise ValueError("one turn only")

    assert learned_end(render, CONTROLS, [], default=EOS) == EOS


def test_a_response_stops_at_all_ends_and_is_taught_the_first():
    encoder = Encoder(PROCESSOR, stops=[token("<turn|>"), token("<|user|>")])
    assert encoder.end_ids == [EOS, token("<turn|>"), token("<|user|>")]
    assert not set(encoder.end_ids) & set(encoder.forbidden_ids)
    assert encoder.response_ids("4")[-1] == EOS
