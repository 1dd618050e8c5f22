"""The real engine, in the trainer's process and as a child."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lit_mstar import Problem
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import RaySampler, VLLMSampler
from support.clusters import ray_policy
from support.engines import (
    OPTIONS,
    SMALL,
    TALL,
    VARIED,
    agrees,
    assert_first_tokens_follow_the_softmax,
    greedy,
    make_lora_policy,
    make_policy,
    reference,
    shake,
    tokens,
)

pytestmark = [pytest.mark.vllm, pytest.mark.slow]


@pytest.fixture(scope="module")
def in_process() -> Iterator[VLLMSampler]:
    engine = VLLMSampler(in_process=True, check="always", tolerance=1e-3, **OPTIONS)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def child() -> Iterator[VLLMSampler]:
    engine = VLLMSampler(check="always", tolerance=1e-3, **OPTIONS)
    yield engine
    engine.close()


def test_each_engine_is_where_it_should_be(in_process: VLLMSampler, child: VLLMSampler):
    policy = make_policy()
    for engine, name in ((in_process, "InprocClient"), (child, "SyncMPClient")):
        engine.load_policy(policy)
        assert type(engine._llm.llm_engine.engine_core).__name__ == name


@pytest.fixture(params=["in_process", "child"])
def engine(request: pytest.FixtureRequest) -> VLLMSampler:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("make", [make_policy, make_lora_policy])
def test_tokens_and_probabilities_are_the_trainers_before_and_after_updates(
    engine: VLLMSampler, make: Callable[[], Any]
):
    policy = make()
    seen = []
    for seed in range(4):
        assert agrees(engine, policy)
        seen.append(greedy(engine))
        shake(policy, seed)
    assert all(seen[i] != seen[i + 1] for i in range(3))


@pytest.mark.parametrize("inside", [True, False])
def test_the_adapter_alone_does_as_well(inside: bool, in_process: VLLMSampler):
    if inside:
        in_process.close()  # vLLM has room for one engine in a process; the other one starts anew when it is needed
    policy = make_lora_policy()
    engine = VLLMSampler(inside, sync="adapter", check="always", tolerance=1e-3, **OPTIONS)
    try:
        for seed in range(4):
            assert agrees(engine, policy)
            shake(policy, seed)
    finally:
        engine.close()


def test_an_adapter_changes_what_is_sampled(child: VLLMSampler):
    policy = make_lora_policy()
    child.load_policy(policy)
    with policy.model.disable_adapter():
        assert greedy(child) != greedy(reference(policy))


@pytest.mark.parametrize(("temperature", "top_p"), [(0.7, 1.0), (1.3, 1.0), (1.0, 0.9), (0.7, 0.9), (1.3, 0.9)])
def test_first_tokens_follow_the_softmax(child: VLLMSampler, temperature: float, top_p: float):
    assert_first_tokens_follow_the_softmax(child, temperature, top_p)


def test_seeds_decide_and_neighbours_do_not(engine: VLLMSampler):
    engine.load_policy(make_policy())
    options = {"temperature": 1.0, "max_tokens": 12}
    more = tokens(engine, VARIED[:8], n=4, seed=1, **options)
    assert tokens(engine, VARIED[:8], n=2, seed=1, **options) == [row[:2] for row in more]
    assert tokens(engine, VARIED[:8][::-1], n=4, seed=1, **options)[::-1] == more
    assert tokens(engine, VARIED[2:3], n=4, seed=1, **options) == more[2:3]
    assert all(a != b for a, b in zip(tokens(engine, VARIED[:8], n=4, seed=2, **options), more, strict=True))
    assert len({tuple(ids) for ids in more[0]}) == 4


def test_more_prompts_than_a_step_takes_end_no_engine(engine: VLLMSampler):
    engine.load_policy(make_policy())
    assert sum(len(engine._encoder.prompt_ids(problem)) for problem in VARIED) > 2 * 1024  # max_num_batched_tokens
    found = tokens(engine, VARIED, n=2, temperature=1.0, max_tokens=3)  # seeded: see `device_defaults`
    assert found == [row for problem in VARIED for row in tokens(engine, [problem], n=2, temperature=1.0, max_tokens=3)]


def test_prefixes_are_gone_on_from(engine: VLLMSampler):
    policy = make_policy()
    engine.load_policy(policy)
    problems, prefixes = VARIED[:4] * 2, ["Step 1: The", "", "Step 2: 3 + 4 = ", "Answer: "] * 2
    options = {"n": 2, "temperature": 0.0, "max_tokens": 10}
    assert tokens(engine, problems, prefixes, **options) == tokens(reference(policy), problems, prefixes, **options)


@pytest.mark.parametrize("stop", [("e",), ("3", "t"), ("no such text",)])
def test_stop_strings_end_a_response_where_they_do_in_transformers(engine: VLLMSampler, stop: tuple[str, ...]):
    policy = make_policy()
    engine.load_policy(policy)
    sampling = SamplingParams(n=1, temperature=0.0, max_tokens=24, stop=stop)
    ours, theirs = (dict(e.sample(VARIED[:24], sampling)) for e in (engine, reference(policy)))
    assert [ours[i] for i in range(24)] == [theirs[i] for i in range(24)]


def test_special_tokens_are_never_sampled(engine: VLLMSampler):
    policy = make_policy()
    with torch.no_grad():
        policy.model.lm_head.weight.mul_(1e-3)  # nearly uniform: 4000 draws of 320
    engine.load_policy(policy)
    found = tokens(engine, VARIED[:2], n=400, temperature=1.0, max_tokens=5)
    seen = {token for row in found for ids in row for token in ids}
    assert not seen & set(policy.encoder.forbidden_ids)
    assert len(seen) > 0.9 * (len(policy.encoder.tokenizer) - len(policy.encoder.forbidden_ids))


def test_what_is_not_the_samplers_is_as_before(engine: VLLMSampler):
    policy = make_policy()
    policy.model.train()
    policy.model.model.vision_model.eval()

    def state() -> list[Any]:
        modes = [module.training for module in policy.model.modules()]
        generators = [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]
        threads = [torch.get_num_threads(), torch.set_num_threads, os.sched_getaffinity(0)]
        return [modes, generators, threads, torch.get_default_dtype(), torch.get_float32_matmul_precision()]

    before = state()
    engine.load_policy(policy)
    for _ in engine.sample(VARIED[:4], SamplingParams(n=2, max_tokens=5)):
        assert state() == before  # also between two yields
        assert torch.is_grad_enabled()
    assert state() == before


def test_equal_weights_are_not_sent_again(child: VLLMSampler, monkeypatch: pytest.MonkeyPatch):
    policy = make_policy(seed=8)
    sent: list[str] = []
    update = child._update
    monkeypatch.setattr(child, "_update", lambda p, version: (sent.append(version), update(p, version)))
    for _ in range(2):
        child.load_policy(policy)
    shake(policy, 0)
    child.load_policy(policy)
    assert len(sent) == len(set(sent)) == 2


def test_other_weights_are_noticed(child: VLLMSampler):
    child.load_policy(make_policy())
    with pytest.raises(RuntimeError, match=r"log-probabilities differ by .* nats"):
        child.verify(make_policy(seed=1))


def test_stale_image_embeddings_would_be_noticed(child: VLLMSampler):
    policy = make_policy()
    child.load_policy(policy)
    with torch.no_grad():
        policy.model.model.connector.modality_projection.proj.weight.neg_()
    with pytest.raises(RuntimeError, match=r"trainer's model computes: probe 1: .*; probe 2: "):
        child.verify(policy)  # the text-only probe still agrees
    child.load_policy(policy)
    assert greedy(child) == greedy(reference(policy))


def test_refused_problems_are_counted_and_the_others_answered(engine: VLLMSampler):
    policy = make_policy()
    engine.load_policy(policy)
    long = Problem(id="long", question="3 + " * 1200)
    many = Problem(id="many", question="?", images=(SMALL, TALL, SMALL))
    with pytest.warns(UserWarning, match=r"refused 2 of 4 problems; .*long: .*1024.*max_model_len"):
        found = dict(engine.sample([VARIED[0], long, many, VARIED[1]], SamplingParams(n=2, max_tokens=4)))
    assert [len(found[i].responses) for i in range(4)] == [2] * 4
    for i in (1, 2):
        assert [(r.text, r.token_ids, r.finish_reason) for r in found[i].responses] == [("", [], "length")] * 2
    assert found[0].responses[0].token_ids
    with pytest.warns(UserWarning, match=r"many: it has 3 images, more than VLLMSampler\.max_images=2"):
        list(engine.sample([many], SamplingParams(n=1, max_tokens=4)))


def test_a_caller_may_stop_listening(engine: VLLMSampler):
    policy = make_policy()
    engine.load_policy(policy)
    stream = engine.sample(VARIED, SamplingParams(n=4, max_tokens=16))
    next(stream)
    stream.close()
    assert not engine._llm.llm_engine.has_unfinished_requests()
    assert greedy(engine, VARIED[:4]) == greedy(reference(policy), VARIED[:4])


def test_problems_are_opened_no_faster_than_they_are_needed(child: VLLMSampler):
    child.load_policy(make_policy())
    taken = 0

    def requests() -> Iterator[Any]:
        nonlocal taken
        from lit_mstar.samplers.request import make_request

        for i in range(500):
            taken += 1
            yield make_request(
                child._encoder, replace(VARIED[i % 64], id=str(i)), "", SamplingParams(n=8, max_tokens=8)
            )

    stream = child._complete(requests())
    next(stream)
    stream.close()
    assert 64 / 8 < taken <= 2 * 64 / 8 + 1  # max_num_seqs 64: twice as many as run at the same time


def test_an_adapter_is_needed_to_send_one():
    with pytest.raises(ValueError, match=r"sync is adapter, but the policy has none; set Backbone\.lora"):
        VLLMSampler(sync="adapter", **OPTIONS).load_policy(make_policy())


def test_sleeping_is_refused_on_a_cpu():
    with pytest.raises(ValueError, match="sleep_level is not 0 on a CPU"):
        VLLMSampler(sleep_level=2, **OPTIONS).load_policy(make_policy())


def test_too_little_cache_names_the_settings():
    options = OPTIONS | {"engine": {"kv_cache_memory_bytes": 200_000}}
    with pytest.raises(RuntimeError, match=r"did not start .*kv_cache_memory_bytes"):
        VLLMSampler(**options).load_policy(make_policy())


def test_a_temperature_that_vllm_does_not_take_is_refused(child: VLLMSampler):
    child.load_policy(make_policy())
    with pytest.raises(ValueError, match="temperature is 2.5; vLLM takes at most 2"):
        list(child.sample(VARIED, SamplingParams(temperature=2.5)))


def test_sampling_before_loading_is_an_error():
    with pytest.raises(RuntimeError, match="before load_policy"):
        list(VLLMSampler(**OPTIONS).sample(VARIED, SamplingParams()))


def test_in_an_actor_it_says_the_same_and_follows_updates():
    policy = ray_policy()
    engine = VLLMSampler(in_process=True, check="always", tolerance=1e-3, **OPTIONS)
    sampler = RaySampler(engine, at_once=16)
    for seed in range(2):
        sampler.load_policy(policy)
        assert greedy(sampler) == greedy(reference(policy))
        assert 0 < sampler.metrics()["drift"] < 1e-3
        shake(policy, seed)
    sampler.close()
