"""Where a response of the embedded engine ends: stop strings, the end token, the limit."""

from __future__ import annotations

from typing import Any

import pytest

from support.taught import LESSONS, MIXED, responses, tokens


@pytest.mark.parametrize("stop", ["Step 2", "digit", "3", "\nStep", "4.\n", ":", "数", "no such text"])
def test_a_stop_string_ends_the_text_exactly(taught: Any, stop: str):
    whole = responses(taught, list(LESSONS), temperature=0.0, n=1, max_tokens=60)
    cut = responses(taught, list(LESSONS), temperature=0.0, n=1, max_tokens=60, stop=(stop, "not this"))
    for (full,), (short,) in zip(whole, cut, strict=True):
        head, found, _ = full.text.partition(stop)
        assert short.text == head + found
        assert short.finish_reason == "stop"
        assert taught.encoder.decode(short.token_ids) == short.text
        assert short.token_ids.count(taught.encoder.end_id) == 1
        assert short.token_ids[-1] == taught.encoder.end_id
        if not found:
            assert short == full


def test_the_first_of_several_stop_strings_counts(taught: Any):
    (full,) = responses(taught, [next(iter(LESSONS))], temperature=0.0, n=1, max_tokens=60)[0]
    stops = ("Answer", "second", "Step 3")
    (short,) = responses(taught, [next(iter(LESSONS))], temperature=0.0, n=1, max_tokens=60, stop=stops)[0]
    assert short.text == full.text[: full.text.index("second") + len("second")]


def test_a_stop_string_counts_within_the_response_only(taught: Any):
    problem, text = next(iter(LESSONS.items()))
    stop = taught.encoder.prompt_text(problem)[-2:] + text[:2]  # from the prompt's end into the response
    assert [r.text for r in responses(taught, [problem], n=1, temperature=0.0, max_tokens=60, stop=(stop,))[0]] == [
        text
    ]
    prefix = text[: text.index("Step 2")]
    stop, rest = "3.\nStep 2", text[len(prefix) :]
    (response,) = responses(taught, [problem], [prefix], n=1, temperature=0.0, max_tokens=60, stop=(stop,))[0]
    assert (response.text, response.finish_reason) == (rest, "stop")


def test_control_tokens_in_a_prefix_are_text(policy: Any):
    prefixes = ["In <image> I see 4.\n", "</s> <end_of_utterance>", "<bos>"]
    found = responses(policy, MIXED[:3], prefixes, n=2, max_tokens=5)
    assert [len(row) for row in found] == [2, 2, 2]
    assert all(response.token_ids for row in found for response in row)


def test_sampled_texts_stop_where_they_first_could(policy: Any):
    stops = ("e", "i", "9")
    whole = responses(policy, MIXED, n=8, max_tokens=5)
    cut = responses(policy, MIXED, n=8, max_tokens=5, stop=stops)
    hits = 0
    for full, short in zip(sum(whole, []), sum(cut, []), strict=True):
        ends = [full.text.index(stop) + 1 for stop in stops if stop in full.text]
        hits += bool(ends)
        assert short.text == full.text[: min(ends, default=None)]
        assert short.finish_reason == ("stop" if ends else full.finish_reason)
        assert policy.encoder.decode(short.token_ids) == short.text
        assert (short.token_ids[-1] == policy.encoder.end_id) == (short.finish_reason == "stop")
    assert 0 < hits < len(MIXED) * 8


def test_max_tokens_cuts(taught: Any):
    full = tokens(taught, list(LESSONS), n=1, temperature=0.0, max_tokens=60)
    cut = responses(taught, list(LESSONS), n=1, temperature=0.0, max_tokens=2)
    assert [[r.token_ids for r in row] for row in cut] == [[ids[:2] for ids in row] for row in full]
    assert {r.finish_reason for row in cut for r in row} == {"length"}


def test_the_end_token_ends_a_response_and_stays(taught: Any):
    found = responses(taught, list(LESSONS), n=2, temperature=0.0, max_tokens=60)
    for row, text in zip(found, LESSONS.values(), strict=True):
        for response in row:
            assert response.text == text
            assert response.token_ids == taught.encoder.response_ids(text)
            assert response.finish_reason == "stop"


def test_a_response_that_ends_with_its_last_token_has_stopped(taught: Any):
    problem, text = next(iter(LESSONS.items()))
    length = len(taught.encoder.response_ids(text))
    for limit, reason in ((length - 1, "length"), (length, "stop"), (length + 1, "stop")):
        (response,) = responses(taught, [problem], n=1, temperature=0.0, max_tokens=limit)[0]
        assert (response.finish_reason, response.text) == (reason, text)


def test_sampled_responses_are_whole_or_cut(policy: Any):
    found = sum(responses(policy, MIXED, n=60, max_tokens=20, temperature=1.5), [])
    end = policy.encoder.end_id
    assert {response.finish_reason for response in found} == {"stop", "length"}
    for response in found:
        assert end not in response.token_ids[:-1]
        assert response.finish_reason == ("stop" if response.token_ids[-1] == end else "length")
        assert response.finish_reason == "stop" or len(response.token_ids) == 20
        assert response.text == policy.encoder.decode(response.token_ids)
        assert response.temperature == 1.5
