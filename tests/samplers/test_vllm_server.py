"""A real server, really killed: by the last test."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from lit_mstar import EvolutionCallback, Iteration, Problem, Rollout
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import Sampler, VLLMServerSampler
from support import scripted
from support.engines import (
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
from support.helpers import make_tiny_backbone
from support.scripted import ListSource, ScriptedSampler, make_evolver, sums, wrong
from support.servers import ServerProcess

pytestmark = [pytest.mark.vllm, pytest.mark.slow]
Connect = Callable[..., VLLMServerSampler]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base model of `make_policy`, as a folder."""
    folder = tmp_path_factory.mktemp("base") / "model"
    policy = make_policy()
    make_tiny_backbone().save(policy.model, folder)
    return folder


@pytest.fixture(scope="module")
def token(folder: Path) -> str:
    """The file with the token of all servers here."""
    (folder.parent / "token").write_text("secret\n")
    return str(folder.parent / "token")


@pytest.fixture(scope="module")
def server(folder: Path, token: str) -> Iterator[ServerProcess]:
    process = ServerProcess(folder, "--lora", "8", "--token-file", token)
    yield process
    if process.process.poll() is None:
        process.kill()


@pytest.fixture
def connect(token: str) -> Iterator[Connect]:
    """Makes samplers of servers."""
    made: list[VLLMServerSampler] = []

    def make(*servers: ServerProcess, **options: Any) -> VLLMServerSampler:
        urls = [server.url for server in servers]
        made.append(VLLMServerSampler(urls, token_file=token, **{"tolerance": 1e-3} | options))
        return made[-1]

    yield make
    for sampler in made:
        sampler.close()


@pytest.fixture
def engine(server: ServerProcess, connect: Connect) -> VLLMServerSampler:
    return connect(server, check="always")


@pytest.mark.parametrize("make", [make_policy, make_lora_policy])
def test_tokens_and_probabilities_are_the_trainers_before_and_after_updates(
    engine: VLLMServerSampler, make: Callable[[], Any]
):
    policy = make()
    for seed in range(2):
        assert agrees(engine, policy)
        shake(policy, seed)


def test_the_adapter_alone_does_as_well(server: ServerProcess, engine: VLLMServerSampler, connect: Connect):
    engine.load_policy(make_policy())  # the base model, whatever the server had before
    policy = make_lora_policy()
    adapter = connect(server, sync="adapter", check="always")
    for seed in range(2):
        assert agrees(adapter, policy)
        shake(policy, seed)
    served = adapter._servers[0].call("/v1/models", method="GET")["data"]
    assert len(served) == 2  # old adapters are gone


def test_a_server_that_was_restarted_gets_the_adapter_again(server: ServerProcess, connect: Connect):
    policy = make_lora_policy()
    adapter = connect(server, sync="adapter", check="never")
    adapter.load_policy(policy)
    expected = greedy(adapter, VARIED[:8])
    adapter._servers[0].call("/v1/unload_lora_adapter", {"lora_name": f"policy-{adapter._version}"})
    adapter._servers[0].call("/update_weight_version", {"new_version": "default"})
    with pytest.raises(RuntimeError, match=r"`policy-.*does not exist.*If it was restarted meanwhile, run the same"):
        greedy(adapter, VARIED[:8])
    adapter.load_policy(policy)
    assert greedy(adapter, VARIED[:8]) == expected


def test_an_adapter_that_a_server_has_no_room_for_is_no_refused_problem(server: ServerProcess, connect: Connect):
    with pytest.raises(ConnectionError, match=r"load_lora_adapter answered 500 \(.*rank 16.*What was sampled is kept"):
        connect(server, sync="adapter").load_policy(make_lora_policy(r=16))


def test_a_folder_that_a_server_cannot_read_is_said(server: ServerProcess, connect: Connect, tmp_path: Path):
    with pytest.raises(
        RuntimeError, match=rf"{server.url}/v1/load_lora_adapter answered 404 .*sync_dir that it can read"
    ):
        connect(server, sync="adapter")._send(tmp_path, "x")


def test_first_tokens_follow_the_softmax(engine: VLLMServerSampler):
    assert_first_tokens_follow_the_softmax(engine, 1.3, 0.9)


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


def test_a_server_with_another_base_model_is_refused(
    server: ServerProcess, engine: VLLMServerSampler, connect: Connect
):
    engine.load_policy(make_policy())
    adapter = connect(server, sync="adapter", tolerance=None)
    with pytest.raises(RuntimeError, match=rf"The server {server.url} does not compute what the trainer's"):
        adapter.load_policy(make_lora_policy(seed=3))  # an adapter of another base


def test_someone_elses_update_is_noticed(server: ServerProcess, engine: VLLMServerSampler, connect: Connect):
    policy, other = make_policy(), make_policy(seed=4)
    engine.load_policy(policy)
    intruder = connect(server)
    intruder.load_policy(other)
    assert greedy(intruder, VARIED[:8]) == greedy(reference(other), VARIED[:8])
    with pytest.raises(RuntimeError, match=rf"{server.url} answered with other weights than the policy's \(\w+\)"):
        greedy(engine, VARIED[:8])
    engine.load_policy(policy)
    assert greedy(engine, VARIED[:8]) == greedy(reference(policy), VARIED[:8])


def test_problems_are_dealt_evenly_and_each_server_has_so_many_at_once(server: ServerProcess, token: str):
    urls = [server.url, server.url.replace("127.0.0.1", "localhost")]
    engine = VLLMServerSampler(urls, token_file=token, outstanding=4, check="never")
    engine.load_policy(make_policy())
    asked: Counter[str] = Counter()
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock = threading.Lock()

    def begins(request: httpx.Request) -> None:
        with lock:
            for count in (asked, now):
                count[request.url.host] += 1
            most[request.url.host] = max(most[request.url.host], now[request.url.host])

    def ends(response: httpx.Response) -> None:
        with lock:
            now[response.request.url.host] -= 1

    for one in engine._servers:
        one._client.event_hooks = {"request": [begins], "response": [ends]}
    first = greedy(engine, VARIED[:8])
    assert asked == {"127.0.0.1": 4, "localhost": 4}
    assert greedy(engine)[:8] == first
    assert sum(asked.values()) == 8 + len(VARIED)
    assert max(most.values()) <= 4
    engine.close()


def test_a_token_guards_every_path_but_health(server: ServerProcess):
    assert urllib.request.urlopen(server.url + "/health").status == 200  # noqa: S310
    for path in ("/v1/models", "/weight_info", "/inference/v1/generate", "/collective_rpc"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(server.url + path)  # noqa: S310
    with pytest.raises(RuntimeError, match=r"pause answered 401 .*token_file"):
        VLLMServerSampler([server.url]).load_policy(make_policy())


class FirstIsKept(EvolutionCallback):
    """An untrained model is never right: learn from the first response to each problem."""

    def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        for rollout in iteration.rollouts:
            rollout.selected = [0]


class Dying(VLLMServerSampler):
    """Its server is killed after the fifth answer."""

    def __init__(self, server: ServerProcess, token: str) -> None:
        super().__init__([server.url], token_file=token, outstanding=2)
        self.kill = server.kill
        self.answered: list[str] = []

    def sample(self, problems: Any, sampling: Any, prefixes: Any = None) -> Iterator[tuple[int, Rollout]]:
        for position, rollout in super().sample(problems, sampling, prefixes):
            self.answered.append(problems[position].id)
            if len(self.answered) == 5:
                self.kill()
            yield position, rollout


def test_a_run_whose_server_died_goes_on_from_its_ledger(server: ServerProcess, token: str, tmp_path: Path):
    def fit(sampler: Sampler) -> None:
        source, sampling = ListSource(train=sums(24)), SamplingParams(n=2, max_tokens=8)
        data = SelfEvolvingDataModule(source, sampling=sampling, interval=1.0, batch_size=8)
        make_evolver(tmp_path, callbacks=[FirstIsKept()]).fit(scripted.make_policy(sampler), datamodule=data)

    dying = Dying(server, token)
    with pytest.raises(
        ConnectionError, match=rf"{server.url}.*What was sampled is kept: .*`lit-mstar serve`.*RaySampler"
    ):
        fit(dying)
    rollouts = tmp_path / "rollouts/iteration=0000"
    kept = {row["problem_id"]: row for part in rollouts.glob("part-*") for row in pq.read_table(part).to_pylist()}
    assert 5 <= len(kept) < 24
    assert kept.keys() == set(dying.answered)

    resumed = ScriptedSampler(lambda problem, index, sampling: wrong(problem, index))
    fit(resumed)
    assert sorted(dying.answered + resumed.finished) == sorted(problem.id for problem in sums(24))
    rows = pq.read_table(rollouts / "rollouts.parquet", partitioning=None).to_pylist()
    assert len(rows) == 2 * 24
    assert all(any(row["text"] == kept[name]["text"] for row in rows if row["problem_id"] == name) for name in kept)
