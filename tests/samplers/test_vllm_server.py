"""Real servers, really killed."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import VARIED, ServerProcess, greedy, make_lora_policy, make_policy, reference, shake, tokens
from helpers import make_tiny_backbone

from lit_mstar import Problem
from lit_mstar.rollouts import SamplingParams
from lit_mstar.samplers import VLLMServerSampler

pytestmark = [pytest.mark.vllm, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base model of `make_policy`, as a folder."""
    folder = tmp_path_factory.mktemp("base") / "model"
    policy = make_policy()
    make_tiny_backbone().save(policy.model, folder)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(folder, "--lora", "8")
    yield process
    process.kill()


@pytest.fixture
def engine(server: ServerProcess) -> Iterator[VLLMServerSampler]:
    engine = VLLMServerSampler([server.url], check="always", tolerance=1e-3, patience=3)
    yield engine
    engine.close()


def test_greedy_tokens_are_the_trainers_before_and_after_updates(engine: VLLMServerSampler):
    policy = make_policy()
    seen = []
    for seed in range(3):
        engine.load_policy(policy)
        found = greedy(engine)
        assert found == greedy(reference(policy))
        seen.append(found)
        shake(policy, seed)
    assert seen[0] != seen[1] != seen[2]


def test_lora_goes_over_merged(engine: VLLMServerSampler):
    policy = make_lora_policy()
    engine.load_policy(policy)
    assert greedy(engine) == greedy(reference(policy))


def test_the_adapter_alone_does_as_well(server: ServerProcess, engine: VLLMServerSampler):
    engine.load_policy(make_policy())  # the base model, whatever the server had before
    policy = make_lora_policy()
    adapter = VLLMServerSampler([server.url], sync="adapter", check="always", tolerance=1e-3, patience=3)
    for seed in (5, 6, 7):
        adapter.load_policy(policy)
        assert greedy(adapter) == greedy(reference(policy))
        shake(policy, seed)
    with urllib.request.urlopen(f"{server.url}/v1/models") as answer:  # noqa: S310
        served = [model["id"] for model in json.load(answer)["data"]]
    assert len(served) == 2  # old adapters are gone
    adapter.close()


def test_seeds_decide_and_neighbours_do_not(engine: VLLMServerSampler):
    engine.load_policy(make_policy())
    options = {"temperature": 1.0, "max_tokens": 12}
    more = tokens(engine, VARIED[:8], n=4, seed=1, **options)
    assert tokens(engine, VARIED[:8], n=2, seed=1, **options) == [row[:2] for row in more]
    assert tokens(engine, VARIED[:8][::-1], n=4, seed=1, **options)[::-1] == more
    assert len({tuple(ids) for ids in more[0]}) == 4


def test_prefixes_and_stop_strings_work_as_in_transformers(engine: VLLMServerSampler):
    policy = make_policy()
    engine.load_policy(policy)
    prefixes = ["Step 1: The", "", "Step 2: 3 + 4 = ", "Answer: "] * 4
    sampling = SamplingParams(n=2, temperature=0.0, max_tokens=24, stop=("e", "t"))
    ours, theirs = (dict(e.sample(VARIED[:16], sampling, prefixes)) for e in (engine, reference(policy)))
    assert [ours[i] for i in range(16)] == [theirs[i] for i in range(16)]


def test_refused_problems_are_counted_and_the_others_answered(engine: VLLMServerSampler):
    engine.load_policy(make_policy())
    bad = [
        Problem(id="long", question="3 + " * 1200),
        Problem(id="many", question="?", images=VARIED[1].images * 3),
    ]
    with pytest.warns(UserWarning, match=r"refused 2 of 4 problems; .*(1024|image)"):
        found = dict(engine.sample([VARIED[0], *bad, VARIED[1]], SamplingParams(n=2, max_tokens=4)))
    assert [[r.token_ids for r in found[i].responses] for i in (1, 2)] == [[[], []]] * 2
    assert all(r.token_ids for i in (0, 3) for r in found[i].responses)


def test_more_responses_than_a_server_takes_name_the_setting(engine: VLLMServerSampler):
    engine.load_policy(make_policy())
    with pytest.raises(ValueError, match=r"max_num_seqs \(64\), got 65.*Lower SamplingParams\.n"):
        list(engine.sample(VARIED[:1], SamplingParams(n=65, max_tokens=4)))


def test_a_server_with_another_base_model_is_refused(server: ServerProcess, engine: VLLMServerSampler):
    engine.load_policy(make_policy())
    adapter = VLLMServerSampler([server.url], sync="adapter", patience=3)
    with pytest.raises(RuntimeError, match=rf"The server {server.url} does not compute what the trainer's"):
        adapter.load_policy(make_lora_policy(seed=3))  # an adapter of another base
    adapter.close()


def test_someone_elses_update_is_noticed(server: ServerProcess, engine: VLLMServerSampler):
    policy, other = make_policy(), make_policy(seed=4)
    engine.load_policy(policy)
    intruder = VLLMServerSampler([server.url], patience=3)
    intruder.load_policy(other)
    assert greedy(intruder, VARIED[:8]) == greedy(reference(other), VARIED[:8])
    assert greedy(engine, VARIED[:8]) == greedy(reference(policy), VARIED[:8])  # brought back before it answered
    intruder.close()


def test_servers_may_die_and_come_back(server: ServerProcess, folder: Path):
    second = ServerProcess(folder)
    policy = make_policy(seed=2)
    engine = VLLMServerSampler([server.url, second.url], outstanding=4, patience=3)
    engine.load_policy(policy)
    sampling = SamplingParams(n=4, temperature=1.0, max_tokens=30)
    expected = {i: r.responses for i, r in engine.sample(VARIED, sampling)}
    found: dict[int, Any] = {}
    for position, rollout in engine.sample(VARIED, sampling):
        found[position] = rollout.responses
        if len(found) == 10:
            second.kill()  # in the middle of its problems
    assert found == expected

    again = ServerProcess(folder, port=second.port)  # with the weights of its folder, not the policy's
    alone = VLLMServerSampler([again.url], patience=3)
    alone.load_policy(policy)
    assert greedy(alone, VARIED[:8]) == greedy(reference(policy), VARIED[:8])

    seen = []
    with pytest.raises(ConnectionError, match=rf"No server answered for 3 s: {again.url} .*lit-mstar serve"):  # noqa: PT012
        for position, _ in alone.sample(VARIED, sampling):
            seen.append(position)
            if len(seen) == 10:
                again.kill()
    assert len(seen) >= 10
    restarted = ServerProcess(folder, port=second.port)
    assert greedy(alone, VARIED[:8]) == greedy(
        reference(policy), VARIED[:8]
    )  # sampler as it was, server with old weights
    restarted.kill()
    engine.close()
    alone.close()


def test_no_server_at_all_is_said_before_long(folder: Path):
    engine = VLLMServerSampler(["http://127.0.0.1:9"], patience=0.5)
    with pytest.raises(ConnectionError, match=r"No server answered for 0.5 s: http://127.0.0.1:9 \(Conn"):
        engine.load_policy(make_policy())


def test_a_token_guards_every_path_but_health(folder: Path, tmp_path: Path):
    (tmp_path / "token").write_text("secret\n")
    server = ServerProcess(folder, "--token-file", str(tmp_path / "token"))
    try:
        for path in ("/v1/models", "/weight_info", "/inference/v1/generate", "/collective_rpc"):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(server.url + path)  # noqa: S310
        with pytest.raises(RuntimeError, match=r"weight_info answered 401 .*token_file"):
            VLLMServerSampler([server.url], patience=3).load_policy(make_policy())
        engine = VLLMServerSampler([server.url], token_file=str(tmp_path / "token"), patience=3)
        policy = make_policy(seed=1)
        engine.load_policy(policy)
        assert greedy(engine, VARIED[:4]) == greedy(reference(policy), VARIED[:4])
    finally:
        server.kill()
