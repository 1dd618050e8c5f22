from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from lit_mstar import Problem
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from support.taught import LESSONS, MIXED, make_policy, responses, tokens


def generated(policy: Any, problem: Problem, length: int) -> list[int]:
    """What `generate` itself gives for one problem alone."""
    encoder, model = policy.encoder, policy.model.eval()
    inputs = encoder.prompts([problem])
    options = {"eos_token_id": encoder.end_id, "pad_token_id": encoder.pad_id, "max_new_tokens": length}
    output = model.generate(**inputs, **options, do_sample=False, suppress_tokens=encoder.forbidden_ids)
    return output[0, inputs["input_ids"].shape[1] :].tolist()


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("name", ["policy", "taught"])
def test_greedy_is_what_generate_gives_alone(name: str, share: bool, request: pytest.FixtureRequest):
    policy = request.getfixturevalue(name)
    problems = [*MIXED, *LESSONS]
    expected = [[generated(policy, problem, 40)] * 2 for problem in problems]
    engine = TransformersSampler(share_prompt=share)
    assert tokens(policy, problems, engine=engine, n=2, temperature=0.0, max_tokens=40) == expected


def test_sharing_the_prompt_changes_no_sample(policy: Any):
    unshared = TransformersSampler(share_prompt=False)
    options = {"n": 4, "temperature": 1.1, "top_p": 0.95, "max_tokens": 15}
    assert tokens(policy, MIXED, **options) == tokens(policy, MIXED, engine=unshared, **options)


@pytest.mark.parametrize("batch_size", [1, 3, 6, 7])
def test_samples_do_not_depend_on_the_batch_size(policy: Any, batch_size: int):
    options = {"n": 3, "max_tokens": 15}
    assert tokens(policy, MIXED, engine=TransformersSampler(batch_size), **options) == tokens(policy, MIXED, **options)


def test_samples_do_not_depend_on_other_problems(policy: Any):
    together = tokens(policy, MIXED, n=3, max_tokens=15)
    assert [tokens(policy, [problem], n=3, max_tokens=15)[0] for problem in MIXED] == together
    assert tokens(policy, MIXED[::-1], n=3, max_tokens=15)[::-1] == together


def test_fewer_responses_are_the_first_of_more(policy: Any):
    more = tokens(policy, MIXED[:2], n=5, max_tokens=15)
    assert tokens(policy, MIXED[:2], n=2, max_tokens=15) == [row[:2] for row in more]


def test_equal_seeds_give_equal_samples(policy: Any):
    first, same, other = (tokens(policy, MIXED, n=2, max_tokens=12, seed=seed) for seed in (1, 1, 2))
    assert first == same
    assert all(a != b for row, others in zip(first, other, strict=True) for a, b in zip(row, others, strict=True))


def probabilities(policy: Any, problem: Problem, temperature: float) -> np.ndarray:
    """The softmax of the first token, without special tokens."""
    with torch.no_grad():
        logits = policy.model.eval()(**policy.encoder.prompts([problem])).logits[0, -1].double().numpy()
    logits[policy.encoder.forbidden_ids] = -np.inf
    weights = np.exp((logits - logits.max()) / temperature)
    return weights / weights.sum()


def nucleus(probabilities: np.ndarray, mass: float) -> np.ndarray:
    """Keeps the fewest most likely tokens that have at least this mass."""
    kept, total = np.zeros_like(probabilities), 0.0
    for token in np.argsort(-probabilities):
        if total >= mass:
            break
        kept[token] = probabilities[token]
        total += probabilities[token]
    return kept / kept.sum()


@pytest.mark.parametrize(("temperature", "top_p"), [(0.7, 1.0), (1.3, 1.0), (1.0, 0.9), (1.3, 0.9)])
def test_first_tokens_follow_the_softmax(policy: Any, temperature: float, top_p: float):
    options = {"n": 6000, "temperature": temperature, "top_p": top_p, "max_tokens": 1}
    engine = TransformersSampler(batch_size=6000)
    counts = np.zeros(len(policy.encoder.tokenizer))
    for (token,) in tokens(policy, [MIXED[1]], engine=engine, **options)[0]:
        counts[token] += 1
    expected = 6000 * nucleus(probabilities(policy, MIXED[1], temperature), top_p)
    assert counts[expected == 0].sum() == 0
    assert (expected > 0).sum() > 20
    rare = expected < 5
    binned = [np.append(x[~rare], x[rare].sum()) for x in (counts, expected)]
    keep = binned[1] > 0
    assert chisquare(binned[0][keep], binned[1][keep]).pvalue > 1e-3


def test_the_nucleus_really_cuts(policy: Any):
    inside = nucleus(probabilities(policy, MIXED[1], 1.3), 0.9) > 0
    whole = {ids[0] for ids in tokens(policy, [MIXED[1]], n=3000, temperature=1.3, max_tokens=1)[0]}
    assert any(not inside[token] for token in whole)


def test_special_tokens_are_never_sampled(policy: Any):
    tokenizer, end = policy.encoder.tokenizer, policy.encoder.end_id
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special and i != end}
    assert len(special) == 5
    found = tokens(policy, MIXED, n=400, temperature=20.0, max_tokens=6)  # nearly uniform: 2000 x 6 draws of 320
    seen = {token for row in found for ids in row for token in ids}
    assert not seen & special
    assert len(seen) > 0.95 * (len(tokenizer) - len(special))


def test_a_greedy_response_goes_on_from_its_own_beginning(taught: Any):
    for problem, text in list(LESSONS.items())[:2]:
        prefixes = ["", *(text[: text.index(mark)] for mark in ("Step 2", "Step 3", "Answer"))]
        found = responses(taught, [problem] * 4, prefixes, n=2, temperature=0.0, max_tokens=60)
        assert [prefix + r.text for prefix, row in zip(prefixes, found, strict=True) for r in row] == [text] * 8


def test_samples_after_a_prefix_depend_on_the_prefix_only(policy: Any):
    prefixes = ["Step 1: The first digit is 3.\n", "", "Answer", "", "Step 2: no.\n"]
    together = tokens(policy, MIXED, prefixes, n=2, max_tokens=10)
    assert [tokens(policy, [p], [x], n=2, max_tokens=10)[0] for p, x in zip(MIXED, prefixes, strict=True)] == together
    assert tokens(policy, MIXED[:1], ["Step 2: no.\n"], n=2, max_tokens=10)[0] != together[0]


def test_modes_and_random_states_are_as_before(policy: Any):
    model = policy.model.train()
    model.model.vision_model.eval()
    modes = [module.training for module in model.modules()]
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    engine = TransformersSampler(batch_size=2)
    engine.load_policy(policy)
    for _ in engine.sample(MIXED, SamplingParams(n=2, max_tokens=5)):
        assert [module.training for module in model.modules()] == modes  # also between two yields
        assert torch.is_grad_enabled()
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert any(modes)
    assert not all(modes)


def test_dropout_is_off_while_sampling(policy: Any):
    expected = tokens(policy, MIXED[:2], n=2, max_tokens=10)
    for layer in policy.model.model.text_model.layers:
        layer.self_attn.attention_dropout = 0.9
    policy.model.train()
    try:
        assert tokens(policy, MIXED[:2], n=2, max_tokens=10) == expected
    finally:
        for layer in policy.model.model.text_model.layers:
            layer.self_attn.attention_dropout = 0.0


def test_new_weights_are_used_at_once():
    policy = make_policy()
    before = tokens(policy, MIXED[:2], n=1, temperature=0.0, max_tokens=8)
    with torch.no_grad():
        policy.model.lm_head.weight.neg_()
    after = tokens(policy, MIXED[:2], n=1, temperature=0.0, max_tokens=8)
    assert after == [[generated(policy, problem, 8)] for problem in MIXED[:2]]
    assert after != before


def test_a_checkpoints_own_generation_settings_do_not_count():
    policy = make_policy()
    expected = tokens(policy, MIXED, n=2, max_tokens=10)
    settings = policy.model.generation_config
    settings.do_sample, settings.top_k, settings.temperature, settings.repetition_penalty = True, 2, 0.1, 5.0
    settings.no_repeat_ngram_size, settings.min_new_tokens, settings.num_beams, settings.top_p = 2, 10, 3, 0.1
    assert tokens(policy, MIXED, n=2, max_tokens=10) == expected


def test_sampling_before_loading_is_an_error():
    with pytest.raises(RuntimeError, match="before load_policy"):
        list(TransformersSampler().sample(MIXED, SamplingParams()))


def test_a_batch_holds_at_least_one_response():
    with pytest.raises(ValueError, match=r"TransformersSampler\.batch_size is 0"):
        TransformersSampler(batch_size=0)


def test_as_many_prefixes_as_problems_are_needed(policy: Any):
    engine = TransformersSampler()
    engine.load_policy(policy)
    with pytest.raises(ValueError, match="zip"):
        list(engine.sample(MIXED, SamplingParams(n=1), ["only one"]))


def test_no_problems_give_no_rollouts(policy: Any):
    assert responses(policy, []) == []
