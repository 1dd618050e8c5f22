"""Engines in actors of a real cluster: the same responses as from one process, whoever dies, leaves or comes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_mstar import StepAnnotator
from lit_mstar.cluster import connection
from lit_mstar.cluster.board import put_up_board
from lit_mstar.cluster.crew import Cluster, Crew
from lit_mstar.data import DigitsSource, ProblemDataModule
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import RaySampler, TransformersSampler
from lit_mstar.step_labels.parquet import label_figures
from support import ranks
from support.clusters import NotingSampler, cluster, evolve, noted, processes, ranks_job, ray_policy
from support.engines import VARIED, shake, tokens
from support.evolving import rows
from support.helpers import make_tiny_backbone
from support.scripted import make_trainer
from support.zygote import TESTS, Started

pytestmark = pytest.mark.slow
DRAWN: dict[str, Any] = {"n": 3, "temperature": 1.0, "max_tokens": 12}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    with cluster(3) as made:
        yield made


@pytest.fixture(scope="module")
def expected() -> list[list[list[int]]]:
    """What one process says."""
    engine = TransformersSampler()
    engine.load_policy(ray_policy())
    return tokens(engine, VARIED, **DRAWN)


@pytest.fixture(scope="module")
def shared(nodes: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RaySampler]:
    """One replica more than there is room for."""
    engine = NotingSampler(str(tmp_path_factory.mktemp("notes")))
    sampler = RaySampler(engine, address=nodes.address, replicas=4, at_once=4, tries=2, patience=60.0)
    yield sampler
    sampler.close()


@pytest.fixture
def sampler(shared: RaySampler) -> RaySampler:
    """With the policy's weights; nothing is noted yet."""
    for file in shared.engine.folder.iterdir():
        file.unlink()
    shared.load_policy(ray_policy())
    return shared


def notes(sampler: RaySampler) -> Path:
    return sampler.engine.folder


def drawn(found: dict[int, Any]) -> list[list[list[int]]]:
    return [[response.token_ids for response in found[place].responses] for place in sorted(found)]


def test_three_nodes_say_what_one_process_says_and_follow_its_weights(sampler: RaySampler, expected: Any):
    assert tokens(sampler, VARIED, **DRAWN) == expected
    assert noted(notes(sampler), "given") == {problem.id: 1 for problem in VARIED}
    assert len(processes(notes(sampler))) == 3
    policy, one = ray_policy(), TransformersSampler()
    shake(policy, 5)
    one.load_policy(policy)
    sampler.load_policy(policy)
    sampler.rest()
    sampler.load_policy(policy)
    assert (after := tokens(sampler, VARIED, **DRAWN)) == tokens(one, VARIED, **DRAWN)
    assert after != expected
    prefixes = ["1"] * len(VARIED)
    assert tokens(sampler, VARIED, prefixes, **DRAWN) == tokens(one, VARIED, prefixes, **DRAWN)
    counted = {"replicas": 3, "deaths": 0, "set_aside": 0}
    assert {name: value for name, value in sampler.metrics().items() if name in counted} == counted


def test_work_goes_to_the_engines_and_labels_are_those_of_one_process(sampler: RaySampler, tmp_path: Path):
    def annotate(name: str, engine: Any) -> None:
        sampling = SamplingParams(n=2, max_tokens=10), SamplingParams(n=3, max_tokens=4, seed=1)
        torch.manual_seed(0)
        annotator = StepAnnotator(str(tmp_path / name), *sampling, backbone=make_tiny_backbone(), sampler=engine)
        splits = ["train", "test"]
        source = DigitsSource(train=10, validate=0, test=3)
        data = ProblemDataModule(source, eval_batch_size=3, predict_splits=splits)
        make_trainer(tmp_path, limit_predict_batches=3).predict(annotator, datamodule=data, return_predictions=False)

    annotate("one", TransformersSampler())
    annotate("ray", sampler)
    contents = [{f.name: f.read_bytes() for f in (tmp_path / name).glob("*.parquet")} for name in ("one", "ray")]
    assert sorted(contents[0]) == ["test-00000.parquet", *(f"train-{i:05d}.parquet" for i in range(3))]
    assert contents[0] == contents[1]
    assert label_figures(tmp_path / "ray") == label_figures(tmp_path / "one")
    assert max(noted(notes(sampler), "given").values()) > 1  # responses and completions


def test_the_board_is_beside_the_driver_whose_end_is_its_own(sampler: RaySampler):
    import ray  # not before its switches are set

    boards = [put_up_board(f"board {number}") for number in range(5)]  # put anywhere, all are here once in 243 times
    assert [ray.get(b.__ray_call__.remote(lambda _: connection.this_node())) for b in boards] == [
        connection.this_node()
    ] * 5


def test_a_killed_actor_costs_what_it_had_not_finished(sampler: RaySampler, expected: Any):
    deaths, found, before = sampler.metrics()["deaths"], dict[int, Any](), set[str]()
    for place, rollout in sampler.sample(VARIED, SamplingParams(**DRAWN)):
        assert place not in found
        found[place] = rollout
        if len(found) == 12:
            before = {VARIED[i].id for i in found}
            os.kill(processes(notes(sampler))[0], signal.SIGKILL)
    assert drawn(found) == expected
    given = noted(notes(sampler), "given")
    assert all(given[problem] == 1 for problem in before)
    assert sum(given.values()) - len(VARIED) <= 2 * 4  # two pieces, at most
    assert sampler.metrics()["deaths"] == deaths + 1


def test_a_problem_that_ends_processes_is_set_aside_and_the_others_are_answered(sampler: RaySampler, expected: Any):
    (notes(sampler) / "fatal").write_text("v9")
    with pytest.warns(UserWarning, match="1 of 64 problems were set aside .*: v9. Of the first, 2 processes ended"):
        found = dict(sampler.sample(VARIED, SamplingParams(**DRAWN)))
    assert [(r.text, r.finish_reason) for r in found.pop(9).responses] == [("", "length")] * 3
    assert drawn(found) == expected[:9] + expected[10:]
    assert sampler.metrics()["set_aside"] == 1


def test_a_node_that_leaves_costs_what_it_had_and_those_that_join_take_part(
    nodes: Any, sampler: RaySampler, expected: Any
):
    many, found, before = VARIED * 1000, dict[int, Any](), set[int]()
    for place, rollout in sampler.sample(many, SamplingParams(**DRAWN)):
        assert place not in found
        found[place] = rollout
        if len(found) == 12:
            before = set(processes(notes(sampler)))
            nodes.remove_node(next(x for x in nodes.worker_nodes if x.node_id != connection.this_node()))
            nodes.add_node(num_cpus=2)
        joined = len({*processes(notes(sampler))} - before) if before else 0
        if joined >= 2 and sampler.metrics()["replicas"] == 4:  # in place of the one that left, and one more
            break
    assert drawn(found) == [expected[place % len(VARIED)] for place in sorted(found)]
    assert len(found) < len(many)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The ledger of one process."""
    folder = tmp_path_factory.mktemp("one")
    evolve(folder, TransformersSampler())
    return rows(folder, 0)


def test_ranks_without_a_folder_in_common_share_replicas(alone: Any, tmp_path: Path):
    zero, other = ranks.run(ranks_job, 2, tmp_path)
    assert (zero.pop("files"), other.pop("files")) == (["rollouts.parquet"], [])
    assert rows(tmp_path / "rank-0", 0) == alone
    assert ranks.false([zero, other]) == []


def test_a_killed_trainer_goes_on_and_ends_with_the_ledger_of_one_process(
    nodes: Any, sampler: Any, alone: Any, tmp_path: Path
):
    sampler.close()
    files = tmp_path / "notes"
    files.mkdir()
    for end_at, code in ((40, -signal.SIGKILL), (0, 0)):
        run = Started([nodes.address, str(tmp_path / "ray"), str(files), str(end_at)], TESTS, module="support.clusters")
        said = run.communicate(300)[0]
        assert run.returncode == code, said[-4000:]
    assert rows(tmp_path / "ray", 0) == alone
    again = sum(noted(files, "finished").values()) - 48
    assert 8 <= again <= 40 - 32 + 2 * 4 * 2  # two parts of the ledger were written; pieces in hand are sampled anew


def test_what_is_wrong_with_a_cluster_is_said_before_anything_is_sampled(nodes: Any):
    with pytest.raises(ConnectionError, match=r"No Ray cluster answered at '127\.0\.0\.1:9' .*ray start --head"):
        RaySampler(TransformersSampler(), address="127.0.0.1:9").load_policy(ray_policy())
    connection.connect(nodes.address, "test")
    with pytest.raises(ValueError, match=r"Weights have 1e\+06 GB, and Ray's object store on .* --object-store-memory"):
        connection.require_store(10**15, "Weights")
    wanted = {"CPU": 1, "GPU": 3}
    crew = Crew("engine", Cluster(address=nodes.address, resources_per_replica=wanted, patience=1.0), 2)
    crew.open(lambda namespace: None)
    with pytest.raises(
        ConnectionError, match=r"asks for 1 CPU, 3 GPU; free are \d CPU, 0 GPU on \d nodes, and no node"
    ):
        crew.await_first()
    crew.close()


class Broken(TransformersSampler):
    """Does not start."""

    def __init__(self, end: bool) -> None:
        super().__init__()
        self.end = end

    def load_policy(self, policy: Any) -> None:
        if self.end:
            os._exit(7)
        raise ValueError("this engine wants another device")


@pytest.mark.parametrize(
    ("end", "error", "said"),
    [
        (False, ValueError, "this engine wants another device"),
        (True, RuntimeError, "All 1 replicas .* have ended for good"),
    ],
)
def test_engines_that_do_not_start_end_the_run_with_one_error(nodes: Any, end: bool, error: Any, said: str):
    sampler = RaySampler(Broken(end), address=nodes.address, replicas=1, tries=1)
    with pytest.raises(error, match=said):
        sampler.load_policy(ray_policy())
    sampler.close()


@pytest.mark.parametrize("setting", ["replicas", "at_once", "tries"])
def test_settings_out_of_range(setting: str):
    with pytest.raises(ValueError, match=rf"RaySampler\.{setting} is 0"):
        RaySampler(TransformersSampler(), **{setting: 0})
