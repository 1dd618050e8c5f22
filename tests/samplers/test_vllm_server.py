"""Real servers, really killed."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lit_mstar import EvolutionCallback, Iteration, Problem, Rollout
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import VLLMServerSampler
from lit_mstar.samplers.fleet import Fleet
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
from support.scripted import ListSource, make_evolver, sums
from support.servers import ServerProcess

pytestmark = [pytest.mark.vllm, pytest.mark.slow]
Start = Callable[[], ServerProcess]
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
    process.kill()


@pytest.fixture(scope="module")
def spare(folder: Path, token: str) -> Iterator[Start]:
    """Gives a second server, started where it does not run: tests kill it."""
    started: list[ServerProcess] = []

    def make() -> ServerProcess:
        if not started or started[-1].process.poll() is not None:
            port = started[-1].port if started else None
            started.append(ServerProcess(folder, "--token-file", token, port=port))
        return started[-1]

    yield make
    if started and started[-1].process.poll() is None:
        started[-1].kill()


@pytest.fixture
def connect(token: str) -> Iterator[Connect]:
    """Makes samplers of servers."""
    made: list[VLLMServerSampler] = []

    def make(*servers: ServerProcess, **options: Any) -> VLLMServerSampler:
        urls = [server.url for server in servers]
        made.append(VLLMServerSampler(urls, token_file=token, **{"patience": 3.0, "tolerance": 1e-3} | options))
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
    for seed in range(4):
        assert agrees(engine, policy)
        shake(policy, seed)


def test_the_adapter_alone_does_as_well(server: ServerProcess, engine: VLLMServerSampler, connect: Connect):
    engine.load_policy(make_policy())  # the base model, whatever the server had before
    policy = make_lora_policy()
    adapter = connect(server, sync="adapter", check="always")
    for seed in range(4):
        assert agrees(adapter, policy)
        shake(policy, seed)
    served = adapter._fleet.servers[0].call("/v1/models", method="GET")["data"]
    assert len(served) == 2  # old adapters are gone


def test_a_server_thought_to_be_outdated_keeps_an_adapter_that_is_answering(server: ServerProcess, connect: Connect):
    adapter = connect(server, sync="adapter", check="never")
    adapter.load_policy(make_lora_policy())
    sampling = SamplingParams(n=4, max_tokens=16)
    expected = {i: r.responses for i, r in adapter.sample(VARIED, sampling)}
    found = {}
    for position, rollout in adapter.sample(VARIED, sampling):
        found[position] = rollout.responses
        adapter._fleet.servers[0].version = ""  # as after a lost connection
    assert found == expected


def test_ranks_may_bring_the_same_adapter_at_the_same_time(server: ServerProcess, connect: Connect):
    policy = make_lora_policy()
    ranks = [connect(server, sync="adapter", check="never") for _ in range(4)]
    ranks[0].load_policy(policy)
    there = ranks[0]._fleet.servers[0]
    there.call("/v1/unload_lora_adapter", {"lora_name": ranks[0]._model_name})  # as after a restart
    there.call("/update_weight_version", {"new_version": "default"})
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda rank: rank.load_policy(policy), ranks))
    first, *others = (tokens(rank, VARIED[:8], n=4, max_tokens=16) for rank in ranks)
    assert others == [first] * 3


def test_an_adapter_that_a_server_has_no_room_for_is_no_refused_problem(server: ServerProcess, connect: Connect):
    with pytest.raises(ConnectionError, match=r"load_lora_adapter answered 500 \(.*rank 16"):
        connect(server, sync="adapter", patience=0.5).load_policy(make_lora_policy(r=16))


def test_refused_weights_are_no_refused_problem(server: ServerProcess, token: str):
    fleet = Fleet([server.url], Path(token).read_text().strip(), timeout=30.0, patience=3.0)
    with pytest.raises(RuntimeError, match=rf"{server.url} refused the policy's weights \(.*`lit-mstar serve`"):
        fleet.publish("x", lambda one: one.call("/v1/load_lora_adapter", {"lora_name": "", "lora_path": ""}))
    fleet.close()


@pytest.mark.parametrize("temperature", [0.7, 1.3])
def test_first_tokens_follow_the_softmax(engine: VLLMServerSampler, temperature: float):
    assert_first_tokens_follow_the_softmax(engine, temperature, 0.9)


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
    assert greedy(engine, VARIED[:8]) == greedy(reference(policy), VARIED[:8])  # brought back before it answered


def test_servers_may_die_and_come_back(server: ServerProcess, spare: Start, connect: Connect):
    second = spare()
    policy = make_policy(seed=2)
    engine, alone = connect(server, second, outstanding=4), connect(second)
    for sampler in (engine, alone):
        sampler.load_policy(policy)
    sampling = SamplingParams(n=4, temperature=1.0, max_tokens=30)
    expected = {i: r.responses for i, r in engine.sample(VARIED, sampling)}
    found: dict[int, Any] = {}
    for position, rollout in engine.sample(VARIED, sampling):
        found[position] = rollout.responses
        if len(found) == 10:
            second.kill()  # in the middle of its problems
    assert found == expected
    with pytest.raises(ConnectionError, match=rf"No server answered for 3 s: {second.url} .*lit-mstar serve"):
        list(alone.sample(VARIED, sampling))

    assert spare().url == second.url  # with the weights of its folder; the sampler brings it the policy's
    assert greedy(alone, VARIED[:8]) == greedy(reference(policy), VARIED[:8])


class FirstIsKept(EvolutionCallback):
    """An untrained model is never right: learn from the first response to each problem."""

    def on_rollouts_sampled(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
        for rollout in iteration.rollouts:
            rollout.selected = [0]


class Counting(VLLMServerSampler):
    """Notes what was answered; `kill`, if given, is called after the fifth answer."""

    def __init__(self, url: str, token: str, kill: Callable[[], None] | None = None) -> None:
        super().__init__([url], token_file=token, outstanding=2, patience=2)
        self.kill = kill
        self.answered: list[str] = []

    def sample(self, problems: Any, sampling: Any, prefixes: Any = None) -> Iterator[tuple[int, Rollout]]:
        for position, rollout in super().sample(problems, sampling, prefixes):
            self.answered.append(problems[position].id)
            if self.kill and len(self.answered) == 5:
                self.kill()
            yield position, rollout


def test_a_run_whose_servers_died_goes_on_from_its_ledger(spare: Start, token: str, tmp_path: Path):
    def fit(sampler: Counting) -> None:
        source, sampling = ListSource(train=sums(24)), SamplingParams(n=2, max_tokens=8)
        data = SelfEvolvingDataModule(source, sampling=sampling, interval=1.0, batch_size=8)
        make_evolver(tmp_path, callbacks=[FirstIsKept()]).fit(scripted.make_policy(sampler), datamodule=data)

    server = spare()
    dying = Counting(server.url, token, server.kill)
    with pytest.raises(ConnectionError, match=r"No server answered for 2 s.*what was sampled is kept"):
        fit(dying)
    rollouts = tmp_path / "rollouts/iteration=0000"
    kept = {row["problem_id"]: row for part in rollouts.glob("part-*") for row in pq.read_table(part).to_pylist()}
    assert 5 <= len(kept) < 24
    assert kept.keys() == set(dying.answered)

    resumed = Counting(spare().url, token)
    fit(resumed)
    assert sorted(dying.answered + resumed.answered) == sorted(problem.id for problem in sums(24))
    rows = pq.read_table(rollouts / "rollouts.parquet", partitioning=None).to_pylist()
    assert len(rows) == 2 * 24
    assert all(any(row["text"] == kept[name]["text"] for row in rows if row["problem_id"] == name) for name in kept)


def test_no_server_at_all_is_said_before_long():
    engine = VLLMServerSampler(["http://127.0.0.1:9"], patience=0.5)
    with pytest.raises(ConnectionError, match=r"No server answered for 0.5 s: http://127.0.0.1:9 \(Conn"):
        engine.load_policy(make_policy())


def test_a_token_guards_every_path_but_health(server: ServerProcess):
    assert urllib.request.urlopen(server.url + "/health").status == 200  # noqa: S310
    for path in ("/v1/models", "/weight_info", "/inference/v1/generate", "/collective_rpc"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(server.url + path)  # noqa: S310
    with pytest.raises(RuntimeError, match=r"weight_info answered 401 .*token_file"):
        VLLMServerSampler([server.url], patience=3).load_policy(make_policy())
