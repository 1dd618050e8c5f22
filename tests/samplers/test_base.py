from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from lit_mstar import Problem, Rollout
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Policy, Sampler
from lit_mstar.samplers.base import respond, response_stream
from support.helpers import CORPUS, make_tiny_backbone

ENCODER = make_tiny_backbone().encoder
END = ENCODER.end_id
TOKENS = sorted({*range(len(ENCODER.tokenizer))} - {*ENCODER.forbidden_ids, END})


def problem(id: str) -> Problem:
    return Problem(id=id, question="?")


def test_a_stream_depends_on_nothing_but_its_four_names():
    first = response_stream(3, problem("a"), "Step 1", 2).random(5)
    np.random.seed(7)
    response_stream(3, problem("b"), "", 0).random(9)
    other = Problem(id="a", question="another question", answer="7")
    assert np.array_equal(first, response_stream(3, other, "Step 1", 2).random(5))


def test_each_name_gives_another_stream():
    names = list(product((0, 1, 10), ("a", "b", "1"), ("", "x", "0"), (0, 1, 10)))
    streams = [response_stream(seed, problem(id), prefix, i).random(2).tolist() for seed, id, prefix, i in names]
    assert len({tuple(stream) for stream in streams}) == len(names)


def test_first_numbers_of_many_streams_are_uniform_and_uncorrelated():
    table = np.array([response_stream(0, problem(str(p)), "", i).random(2) for p in range(100) for i in range(20)])
    assert kstest(table[:, 0], "uniform").pvalue > 1e-3
    assert kstest(table[:, 1], "uniform").pvalue > 1e-3
    bound = 3.3 / np.sqrt(len(table))  # 99.9 %
    assert abs(np.corrcoef(table[:, 0], table[:, 1])[0, 1]) < bound
    neighbours = table[:, 0].reshape(100, 20)
    assert abs(np.corrcoef(neighbours[:, :-1].ravel(), neighbours[:, 1:].ravel())[0, 1]) < bound


def test_an_engine_must_load_and_sample():
    class Half(Sampler):
        def load_policy(self, policy: Policy) -> None: ...

    with pytest.raises(TypeError, match="sample"):
        Half()  # type: ignore[abstract]


def test_an_engine_without_resources_closes():
    class Empty(Sampler):
        def load_policy(self, policy: Policy) -> None: ...

        def sample(
            self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
        ) -> Iterator[tuple[int, Rollout]]:
            return iter(())

    engine = Empty()
    engine.close()
    assert list(engine.sample([], SamplingParams())) == []


WHOLE = ENCODER.text_ids(CORPUS[1])
PIECES = [ENCODER.decode([token]) for token in WHOLE]


def stopped(ids: list[int], *stop: str) -> tuple[str, list[int], str]:
    response = respond(ENCODER, ids, SamplingParams(stop=stop))
    return response.text, response.token_ids, response.finish_reason


def test_a_stop_string_that_ends_with_a_token_keeps_the_sampled_ids():
    stop = PIECES[0] + PIECES[1]
    assert stopped(WHOLE, stop) == (stop, [*WHOLE[:2], END], "stop")
    assert stopped([*WHOLE, END], CORPUS[1]) == (CORPUS[1], [*WHOLE, END], "stop")
    odd = [ENCODER.text_ids(char)[0] for char in "Step 1"]  # sampled letter by letter, not as the tokenizer would
    assert odd != ENCODER.text_ids("Step 1")
    assert stopped([*odd, *WHOLE], "Step 1") == ("Step 1", [*odd, END], "stop")


@pytest.mark.parametrize("stop", ["S", "Ste", "1: The fi", "Answer", " = "])
def test_a_stop_string_inside_a_token_cuts_the_ids_too(stop: str):
    text = CORPUS[1][: CORPUS[1].index(stop) + len(stop)]
    assert stopped(WHOLE, stop) == (text, ENCODER.response_ids(text), "stop")


def test_a_character_of_several_tokens_is_kept_whole():
    ids = ENCODER.text_ids("a 数é!")
    assert len(ids) == 8
    assert stopped(ids, "数") == ("a 数", [*ids[:5], END], "stop")
    assert stopped(ids, "é") == ("a 数é", [*ids[:7], END], "stop")
    odd = [ENCODER.text_ids(char)[0] for char in "Step"]  # so that a second encoding would show
    assert stopped([*odd, *ids], "数") == ("Stepa 数", [*odd, *ids[:5], END], "stop")
    emoji = ENCODER.text_ids("\U0001f600\U0001f600x")
    assert stopped(emoji, "\U0001f600") == ("\U0001f600", [*emoji[:4], END], "stop")


def test_the_end_token_and_the_limit_end_as_ever():
    assert stopped([*WHOLE, END, 20, 21], "no such text") == (CORPUS[1], [*WHOLE, END], "stop")
    assert stopped(WHOLE[:3], "no such text") == ("".join(PIECES[:3]), WHOLE[:3], "length")
    assert stopped([END], "x") == ("", [END], "stop")
    assert stopped([], "x") == ("", [], "length")


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from([*TOKENS, END]), max_size=40) | st.text(max_size=30).map(ENCODER.text_ids),
    st.lists(st.text(min_size=1, max_size=3) | st.sampled_from(["e", "Step", "数", "\ufffd", "<"]), max_size=3),
)
def test_text_and_ids_agree_and_a_stopped_turn_ends(ids: list[int], stop: list[str]):
    text, kept, reason = stopped(ids, *stop)
    whole = ENCODER.decode(ids[: ids.index(END)] if END in ids else ids)
    ends = [whole.index(string) + len(string) for string in stop if string in whole]
    assert text == whole[: min(ends, default=None)]
    assert ENCODER.decode(kept) == text
    assert (reason == "stop") == (kept[-1:] == [END]) == (bool(ends) or END in ids)
    assert END not in kept[:-1]
    heads = [ids[:k] for k in range(len(ids)) if ENCODER.decode(ids[:k]) == text and END not in ids[:k]]
    if ends and heads:
        assert kept == [*heads[0], END]
