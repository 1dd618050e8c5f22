"""Verdicts in words: what is asked, how it is counted, and what happens when nobody answers."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from lit_mstar import Problem, Response, Rollout
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from lit_mstar.scorers import GenerativeScorer, require_scores
from support.helpers import free_port, make_tiny_backbone
from support.judge import answering
from support.scorers import PROBLEMS, rollouts
from support.scripted import ScriptedSampler

CHAINS = [["Step 1: 3.", "Step 2: wrong."], ["Step 1: wrong.", "Step 2: wrong.", "Step 3: 5."], []]


def text_of(asked: dict[str, Any]) -> str:
    return "".join(part["text"] for part in asked["messages"][-1]["content"] if part["type"] == "text")


def judging(asked: dict[str, Any]) -> str:
    """Every step that says wrong is incorrect."""
    steps = [line for line in text_of(asked).splitlines() if line.startswith("Step ") and "correct" not in line]
    return "Hm.\n" + "\n".join(f"Step {k}: {'in' * ('wrong' in s)}correct" for k, s in enumerate(steps, start=1))


def scorer(url: str, **options: Any) -> GenerativeScorer:
    return GenerativeScorer(url, model="judge", **({"retries": 0} | options))


def test_one_question_a_chain():
    asked: list[dict[str, Any]] = []
    with answering(lambda body: asked.append(body) or judging(body)) as url:
        scores = require_scores(scorer(url), rollouts(PROBLEMS, [*CHAINS, CHAINS[0]]))
    assert scores == [[[1.0, 0.0], [0.0, 0.0, 1.0], [], [1.0, 0.0]]] * 2
    assert len(asked) == 4  # equal chains are judged once
    for body in asked:
        assert body["temperature"] == 0
        assert [part["type"] for part in body["messages"][-1]["content"]].count("image_url") == 1
        assert "SECRET" not in text_of(body)
    assert any("Which?\n(A) SEEN" in text_of(body) for body in asked)


def test_one_question_a_step():
    def last(asked: dict[str, Any]) -> str:
        steps = [line for line in text_of(asked).splitlines() if line.startswith("Step ")]
        return f"So it is.\n\\boxed{{{'No' if 'wrong' in steps[-1] else 'Yes'}}}"

    with answering(last) as url:
        assert require_scores(scorer(url, per="step"), rollouts(PROBLEMS[:1], CHAINS)) == [
            [[1.0, 0.0], [0.0, 0.0, 1.0], []]
        ]


def test_votes_are_shares():
    replies = ["Step 1: yes\nStep 2: no", "Step 1: yes\nStep 2: yes", "Step 1: yes", "nonsense"]
    sampler = ScriptedSampler(lambda problem, index, sampling: replies[index])
    sampler.encoder = make_tiny_backbone().encoder
    judge = GenerativeScorer("http://127.0.0.1:9/v1", sampler=sampler, votes=4)
    assert judge.score(rollouts(PROBLEMS[:1], CHAINS[:1])) == [[[3 / 4, 1 / 4]]]
    assert sampler.calls[0][1] == SamplingParams(n=4, temperature=0.7, max_tokens=1024)


def test_what_cannot_be_read_counts_as_wrong_and_is_reported_once():
    with answering(lambda asked: "Step 1: correct\nStep 2: I would say it depends") as url:
        judge = scorer(url)
        assert require_scores(judge, rollouts(PROBLEMS, CHAINS[:1])) == [[[1.0, 0.0]]] * 2
    said = judge.said()
    assert said.startswith("2 of 4 verdicts on steps could not be read and count as wrong; one reply ends")
    assert "it depends" in said
    assert judge.said() == ""


def test_braces_in_a_step_ask_for_nothing():
    with answering(lambda asked: "Step 1: correct" if "{choices}" not in text_of(asked) else "!") as url:
        tricky = ["Step 1: it is {choices} and {steps}."]
        assert require_scores(scorer(url), rollouts(PROBLEMS[1:], [tricky])) == [[[1.0]]]


def test_a_server_that_is_away_stops_the_run():
    judge = scorer(f"http://127.0.0.1:{free_port()}/v1", retries=1)
    with pytest.raises(ConnectionError, match="gave no reply .* what was answered is kept"):
        judge.score(rollouts(PROBLEMS[:1], CHAINS[:1]))


def test_a_server_is_asked_for_its_name_before_anything_is_sampled():
    with pytest.raises(ConnectionError, match="/models gave no reply"):
        GenerativeScorer(f"http://127.0.0.1:{free_port()}/v1", retries=0).check()


def test_an_engine_of_ours():
    torch.manual_seed(0)
    judge = GenerativeScorer(backbone=make_tiny_backbone(), sampler=TransformersSampler(), max_tokens=4)
    problem = Problem(id="p", question="What is 3 + 4?")
    given = [Rollout(problem=problem, responses=[Response(text="", steps=["<image> <end_of_utterance> 7"])])]
    judge.place(torch.device("cpu"))
    assert require_scores(judge, given) == [[[0.0]]]  # random weights say nothing that can be read
    assert "1 of 1 verdicts" in judge.said()
    judge.rest()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "either url"),
        ({"url": "http://127.0.0.1:9/v1", "backbone": make_tiny_backbone()}, "either url"),
        ({"url": "http://127.0.0.1:9/v1", "votes": 0}, "votes is 0"),
        ({"url": "http://127.0.0.1:9/v1", "prompt": "Right?"}, "must contain {steps}"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, Any], why: str):
    with warnings.catch_warnings(), pytest.raises(ValueError, match=why):
        GenerativeScorer(**options)
