from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_mstar import Problem
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.encoding.step_encoding import StepExample, chain_ids, collate_steps, step_ids
from support.helpers import make_tiny_backbone, png

ENCODER = make_tiny_backbone().encoder
STEPS = ["Step 1: The first digit is 3.", "Step 2: The second digit\nis 4.", "Step 3: 3 + 4 = 7."]
EXAMPLES = [
    StepExample(Problem(id="a", question="What is 3 + 4?"), STEPS[:2], [0.5, 0.0]),
    StepExample(Problem(id="b", question="What?", images=(png(9, 30),)), STEPS, [1.0, 0.25, 0.0], [True, False, True]),
    StepExample(Problem(id="c", question="Which is it?", images=(png(), png(30, 9))), STEPS[:1], [0.125], [False]),
]


@pytest.fixture
def encoder() -> Encoder:
    return ENCODER


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5))
def test_up_to_a_steps_end_the_chain_reads_as_its_steps(steps: list[str]):
    ids, ends = step_ids(ENCODER, steps)
    assert [ENCODER.decode(ids[: end + 1]) for end in ends] == [
        "".join(f"{step}\n" for step in steps[: k + 1]) for k in range(len(steps))
    ]
    assert ends[-1] == len(ids) - 1


def test_a_chain_has_the_tokens_of_its_text(encoder: Encoder):
    ids, _ = step_ids(encoder, STEPS)
    assert ids == encoder.text_ids("\n".join(STEPS) + "\n")


def test_control_tokens_in_a_step_are_text(encoder: Encoder):
    steps = ["In <image> I see 4.", "So <end_of_utterance> it is."]
    example = StepExample(EXAMPLES[1].problem, steps, [1.0, 0.0])
    batch = collate_steps(encoder, [example])
    prompt = len(encoder.prompts([example.problem])["input_ids"][0])
    chain = batch["input_ids"][0, prompt:].tolist()
    assert encoder.decode(chain) == "".join(f"{step}\n" for step in steps)
    assert not {*encoder.forbidden_ids, encoder.end_id} & set(chain)


def test_many_chains_have_the_tokens_of_each(encoder: Encoder):
    chains = [STEPS, [], ["In <image> I see 4.", "So it is."], ["é – 数", "a\n\nb"], STEPS[:1]]
    assert chain_ids(encoder, chains) == [step_ids(encoder, chain) for chain in chains]
    for chain, (ids, ends) in zip(chains, chain_ids(encoder, chains), strict=True):
        texts = [encoder.decode(ids[: end + 1]) for end in ends]
        assert texts == ["".join(f"{step}\n" for step in chain[: k + 1]) for k in range(len(chain))]


def test_no_steps_are_no_tokens(encoder: Encoder):
    assert step_ids(encoder, []) == ([], [])


def test_ends_are_the_last_tokens_of_the_steps_in_the_batch(encoder: Encoder):
    batch = collate_steps(encoder, EXAMPLES)
    for row, example in enumerate(EXAMPLES):
        prompt = len(encoder.prompts([example.problem])["input_ids"][0])
        for k in range(len(example.steps)):
            end = int(batch["ends"][row, k])
            chain = batch["input_ids"][row, prompt : end + 1].tolist()
            assert encoder.decode(chain) == "".join(f"{step}\n" for step in example.steps[: k + 1])
            assert batch["attention_mask"][row, end] == 1


def test_labels_and_targets_are_padded_with_nan(encoder: Encoder):
    batch = collate_steps(encoder, EXAMPLES)
    nan = torch.nan
    labels = torch.tensor([[0.5, 0.0, nan], [1.0, 0.25, 0.0], [0.125, nan, nan]])
    targets = torch.tensor([[1.0, 0.0, nan], [1.0, 0.0, 1.0], [0.0, nan, nan]])
    torch.testing.assert_close(batch["labels"], labels, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(batch["targets"], targets, rtol=0, atol=0, equal_nan=True)


def test_a_chain_is_the_same_alone(encoder: Encoder):
    batch = collate_steps(encoder, EXAMPLES)
    for row, example in enumerate(EXAMPLES):
        alone = collate_steps(encoder, [example])
        width, steps = alone["input_ids"].shape[1], len(example.steps)
        assert torch.equal(batch["input_ids"][row, :width], alone["input_ids"][0])
        assert batch["attention_mask"][row].sum() == width
        assert torch.equal(batch["ends"][row, :steps], alone["ends"][0])


def test_without_truth_a_score_is_judged_by_hard_labels():
    problem = Problem(id="p", question="?")
    assert StepExample(problem, STEPS, [0.0, 0.01, 1.0]).targets() == [False, True, True]
    assert StepExample(problem, STEPS, [0.0, 0.01, 1.0], [True, False, False]).targets() == [True, False, False]
