from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_mstar import Problem, Response, Rollout
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Policy, Sampler
from lit_mstar.step_labels.monte_carlo import label_steps, success_rate

PROBLEM = Problem(id="p", question="What is 3 + 4?", answer="7")
K = 8


class Scripted(Sampler):
    """Completes a prefix correctly in a known number of K cases; finishes the last problem first."""

    def __init__(self, right: dict[tuple[str, str], int]) -> None:
        self.right = right
        self.asked: list[tuple[str, str]] = []

    def load_policy(self, policy: Policy) -> None:
        raise AssertionError("labels are made with the policy that is loaded")

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        assert prefixes is not None
        asked = [(problem.id, prefix) for problem, prefix in zip(problems, prefixes, strict=True)]
        self.asked += asked
        for i in reversed(range(len(problems))):
            right = self.right[asked[i]]
            answers = [problems[i].answer] * right + ["999"] * (sampling.n - right)
            responses = [Response(text=f"Step 9: so it is.\nAnswer: {answer}") for answer in answers]
            yield i, Rollout(problem=problems[i], responses=responses)


def chain(steps: int) -> tuple[str, list[str]]:
    """A response of so many steps, and its prefixes up to the end of each."""
    lines = [f"Step {k}: {k} is a number.\n" for k in range(1, steps + 1)]
    return "".join(lines) + "Answer: 7", list(accumulate(lines))


def test_labels_are_the_shares_that_succeed():
    text, prefixes = chain(4)
    counts = [8, 6, 3, 1]
    sampler = Scripted({("p", prefix): right for prefix, right in zip(prefixes, counts, strict=True)})
    assert label_steps(sampler, [(PROBLEM, text)], SamplingParams(n=K)) == [[8 / 8, 6 / 8, 3 / 8, 1 / 8]]
    assert sampler.asked == [("p", prefix) for prefix in prefixes]


def test_a_lost_chain_is_not_sampled_on():
    text, prefixes = chain(5)
    sampler = Scripted({("p", prefixes[0]): 5, ("p", prefixes[1]): 0})
    assert label_steps(sampler, [(PROBLEM, text)], SamplingParams(n=K)) == [[5 / 8, 0, 0, 0, 0]]
    assert sampler.asked == [("p", prefixes[0]), ("p", prefixes[1])]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, K), max_size=5), max_size=5))
def test_every_chain_has_its_own_labels(counts: list[list[int]]):
    problems = [Problem(id=str(i), question="?", answer=str(i)) for i in range(len(counts))]
    texts = [chain(len(row))[0] if row else " \n" for row in counts]
    script = {(str(i), p): c for i, row in enumerate(counts) for p, c in zip(chain(len(row))[1], row, strict=True)}
    sampler = Scripted(script)
    labels = label_steps(sampler, list(zip(problems, texts, strict=True)), SamplingParams(n=K))
    reached = [row.index(0) + 1 if 0 in row else len(row) for row in counts]
    assert labels == [
        [c / K for c in row[:end]] + [0.0] * (len(row) - end) for row, end in zip(counts, reached, strict=True)
    ]
    assert len(sampler.asked) == sum(reached)
    assert set(sampler.asked) == {(str(i), p) for i, end in enumerate(reached) for p in chain(len(counts[i]))[1][:end]}


def test_two_chains_of_one_problem_do_not_mix():
    first, second = "Step 1: a.\nStep 2: b.\nAnswer: 7", "Step 1: c.\nStep 2: d.\nAnswer: 8"
    sampler = Scripted(
        {
            ("p", "Step 1: a.\n"): 8,
            ("p", "Step 1: a.\nStep 2: b.\n"): 4,
            ("p", "Step 1: c.\n"): 2,
            ("p", "Step 1: c.\nStep 2: d.\n"): 0,
        }
    )
    assert label_steps(sampler, [(PROBLEM, first), (PROBLEM, second)], SamplingParams(n=K)) == [[1, 0.5], [0.25, 0]]


def test_blank_responses_and_no_chains_need_no_sampling():
    assert label_steps(Scripted({}), [(PROBLEM, ""), (PROBLEM, " \n ")], SamplingParams(n=K)) == [[], []]
    assert label_steps(Scripted({}), [], SamplingParams(n=K)) == []


def test_the_reasoning_format_decides_what_a_step_is():
    marker = Marker(ReasoningFormat(step_pattern=r"(?m)^- ", answer_pattern=r"(?m)^Answer: (.*)$"))
    sampler = Scripted({("p", "- a\nStep 1: b\n"): 4, ("p", "- a\nStep 1: b\n- c\n"): 2})
    labels = label_steps(sampler, [(PROBLEM, "- a\nStep 1: b\n- c\nAnswer: 7")], SamplingParams(n=K), marker)
    assert labels == [[0.5, 0.25]]


@pytest.mark.parametrize(
    ("prefix", "completions", "rate"),
    [
        ("Step 1: a.\n", ["Answer: 7", "Answer: 8", "", "Answer: 7.0"], 2 / 4),
        ("Step 1: a.\nAns", ["wer: 7", "Answer: 7"], 1 / 2),  # judged as a whole, with what came before
        ("Step 1: a.\nAnswer: 7\n", ["Answer: 8", "more"], 1 / 2),  # the last answer counts
    ],
)
def test_a_completion_is_judged_with_its_prefix(prefix: str, completions: list[str], rate: float):
    rollout = Rollout(problem=PROBLEM, responses=[Response(text=text) for text in completions])
    assert success_rate(rollout, prefix, Marker()) == rate
    assert [response.text for response in rollout.responses] == completions  # as sampled


def test_without_a_reference_nothing_succeeds():
    rollout = Rollout(problem=Problem(id="p", question="?"), responses=[Response(text="Answer: 7")])
    assert success_rate(rollout, "", Marker()) == 0
