"""Warmup by hint: the answer is in what the sampler is asked, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Callback

from lit_mstar import EvolutionCallback, Iteration, Problem
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.data.hint import checked_hint, hinted
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from support.scripted import Killed, ListSource, ScriptedSampler, make_evolver, make_policy, right, sums, weights

HINT = "{question} It is {answer}. Why?"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def explains(problem: Problem, index: int, sampling: SamplingParams) -> str:
    """What only a policy with the hint can say, every second time; its answer comes from the prompt."""
    told = problem.question.partition(" It is ")[2].partition(".")[0]
    return f"Step 1: Take {index}.\nAnswer: {told if told and index % 2 else 'none'}"


class Listening(ScriptedSampler):
    """Notes the problems as it is asked them."""

    def __init__(self, rule: Any = explains, kill_after: int | None = None) -> None:
        super().__init__(rule, kill_after)
        self.asked: list[tuple[Problem, float]] = []

    def sample(self, problems: Any, sampling: SamplingParams, prefixes: Any = None) -> Any:
        self.asked += [(problem, sampling.temperature) for problem in problems]
        return super().sample(problems, sampling, prefixes)


def evolving(hint: str | None = HINT, **splits: list[Problem]) -> SelfEvolvingDataModule:
    source = ListSource(**({"train": sums(8)} | splits))
    return SelfEvolvingDataModule(source, SamplingParams(n=4, max_tokens=8), 1.0, batch_size=4, hint=hint)


def rows(folder: Path, index: int = 0) -> list[dict[str, Any]]:
    file = folder / f"rollouts/iteration={index:04d}/rollouts.parquet"
    return pq.read_table(file, partitioning=None).to_pylist()


@given(question=TEXT, answer=TEXT, head=TEXT, tail=TEXT, turned=st.booleans())
def test_both_places_are_filled_in_at_once(question: str, answer: str, head: str, tail: str, turned: bool) -> None:
    head, tail = (text.replace("{question}", "").replace("{answer}", "") for text in (head, tail))
    template = f"{head}|{{answer}}|{{question}}|{tail}" if turned else f"{head}|{{question}}|{{answer}}|{tail}"
    wanted = f"{head}|{answer}|{question}|{tail}" if turned else f"{head}|{question}|{answer}|{tail}"
    assert hinted(Problem(id="p", question=question, answer=answer), template).question == wanted


def test_braces_in_texts_mean_nothing() -> None:
    problem = Problem(id="p", question=r"What is {answer} in \frac{1}{2} {0} {}?", answer=r"{question} \1")
    asked = hinted(problem, "{question} -> {answer} {answer} {other}").question
    assert asked == r"What is {answer} in \frac{1}{2} {0} {}? -> {question} \1 {question} \1 {other}"


def test_all_but_the_question_stays() -> None:
    problem = Problem(id="p", question="Which?", answer="B", choices=("a cat", "a dog"), images=("a.png",))
    assert hinted(problem, HINT) == replace(problem, question="Which? It is B. Why?")
    assert hinted(problem, None) is problem
    unlabeled = replace(problem, answer=None)
    assert hinted(unlabeled, HINT) is unlabeled


@pytest.mark.parametrize(
    ("template", "place"), [("", "{question}"), ("{question}", "{answer}"), ("It is {answer}.", "{question}")]
)
def test_a_template_without_a_place_is_refused(template: str, place: str) -> None:
    for refuse in (checked_hint, evolving):
        with pytest.raises(ValueError, match=f"The hint is .*; it must contain {place}."):
            refuse(template)


def test_the_sampler_is_told_the_answer_and_the_policy_learns_without(tmp_path: Path, seen: Any) -> None:
    policy = make_policy(sampler := Listening())
    make_evolver(tmp_path, callbacks=[seen]).fit(policy, datamodule=evolving())
    wanted = {f"p{i}": f"{i} + {i}? It is {2 * i}. Why?" for i in range(8)}
    assert {problem.id: problem.question for problem, _ in sampler.asked} == wanted
    prompts = {p.id: policy.encoder.prompts([p])["input_ids"][0].tolist() for p in sums(8)}
    learned = [(*prompts[p.id], *policy.encoder.response_ids(right(p, i))) for p in sums(8) for i in (1, 3)]
    assert sorted(seen.epochs[0]) == sorted(learned)
    assert not any("It is" in policy.encoder.decode(row) for row in seen.epochs[0])


def test_the_ledger_knows_no_hint(tmp_path: Path) -> None:
    data = evolving()
    make_evolver(tmp_path).fit(make_policy(Listening()), datamodule=data)
    assert {(row["problem_id"], row["question"], row["reference"]) for row in rows(tmp_path)} == {
        (f"p{i}", f"{i} + {i}?", str(2 * i)) for i in range(8)
    }
    assert [row["correct"] for row in rows(tmp_path)] == [False, True] * 16
    assert [rollout.problem for rollout in data.iteration.rollouts] == data.iteration.problems
    assert sorted(data.iteration.problems, key=lambda p: p.id) == sums(8)


def test_what_measures_is_not_told(tmp_path: Path) -> None:
    class Looking(EvolutionCallback):
        def on_iteration_end(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            trainer.datamodule.measure("validate", SamplingParams(n=2, temperature=0.3))

    sampler, data = Listening(), evolving(validate=sums(3, "v"), test=sums(3, "t"))
    trainer = make_evolver(tmp_path, callbacks=[Looking()], num_sanity_val_steps=0)
    trainer.fit(policy := make_policy(sampler), datamodule=data)
    trainer.test(policy, datamodule=data, verbose=False)
    told = {(p.id[0], temperature): "It is" in p.question for p, temperature in sampler.asked}
    assert told == {("p", 1.0): True, ("v", 0.0): False, ("v", 0.3): False, ("t", 0.0): False}


def test_unlabeled_problems_get_no_hint(tmp_path: Path) -> None:
    class Adding(EvolutionCallback):
        def on_sampling_start(self, trainer: Any, pl_module: Any, iteration: Iteration) -> None:
            iteration.problems += [replace(problem, answer=None) for problem in sums(2, "u")]

    sampler = Listening()
    make_evolver(tmp_path, callbacks=[Adding()]).fit(make_policy(sampler), datamodule=evolving())
    assert {p.question for p, _ in sampler.asked if p.id.startswith("u")} == {"0 + 0?", "1 + 1?"}


def fingerprint(folder: Path) -> str:
    return str(json.loads((folder / "rollouts/iteration=0000/_iteration.json").read_text())["fingerprint"])


@pytest.mark.filterwarnings("ignore:.*rollouts of another run")
def test_another_hint_samples_anew_and_the_same_does_not(tmp_path: Path) -> None:
    def rule(problem: Problem, index: int, sampling: SamplingParams) -> str:
        return right(problem, index)

    found, finished = [], []
    for hint in (None, None, HINT, HINT, HINT + " ", None):
        make_evolver(tmp_path).fit(make_policy(sampler := ScriptedSampler(rule)), datamodule=evolving(hint))
        found.append(fingerprint(tmp_path))
        finished.append(len(sampler.finished))
    assert finished == [8, 0, 8, 0, 8, 8]
    assert found[0] == found[1] == found[5]
    assert found[2] == found[3]
    assert len(set(found)) == 3


@pytest.mark.filterwarnings("ignore:.*rollouts of another run")
def test_an_answer_that_is_corrected_samples_anew(tmp_path: Path) -> None:
    for answer, count in (("0", 8), ("1", 8), ("1", 0)):
        problems = [replace(sums(1)[0], answer=answer), *sums(8)[1:]]
        sampler = Listening()
        make_evolver(tmp_path).fit(make_policy(sampler), datamodule=evolving(train=problems))
        assert len(sampler.finished) == count


class Killing(Callback):
    """Ends the process at the first training batch."""

    def on_train_batch_start(self, *_: Any) -> None:
        raise Killed


@pytest.mark.parametrize("kill_after", [3, None])
def test_killed_and_run_again_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_after: int | None
) -> None:
    monkeypatch.setattr("lit_mstar.rollouts.ledger.CHUNK", 8)
    whole, dying, rerun = (make_policy(Listening(kill_after=kill)) for kill in (None, kill_after, None))
    make_evolver(tmp_path / "a").fit(whole, datamodule=evolving())
    with pytest.raises(Killed):
        make_evolver(tmp_path / "b", callbacks=[Killing()]).fit(dying, datamodule=evolving())
    parts = [row for part in (tmp_path / "b").rglob("part-*") for row in pq.ParquetFile(part).read().to_pylist()]
    assert len({row["problem_id"] for row in parts}) == (kill_after or 0)
    assert {row["question"] for row in parts} <= {problem.question for problem in sums(8)}
    make_evolver(tmp_path / "b").fit(rerun, datamodule=evolving())
    assert sorted(dying.sampler.finished + rerun.sampler.finished) == [f"p{i}" for i in range(8)]
    assert rows(tmp_path / "a") == rows(tmp_path / "b")
    assert all(torch.equal(weights(whole)[name], value) for name, value in weights(rerun).items())


def test_the_real_engine_responds_to_the_hinted_prompt(tmp_path: Path) -> None:
    policy, data = make_policy(TransformersSampler()), evolving(train=sums(4))
    data.patience = 1
    with pytest.raises(RuntimeError, match="nothing to learn from"), pytest.warns(UserWarning, match="Iteration 0"):
        make_evolver(tmp_path).fit(policy, datamodule=data)  # an untrained model is never right
    found = {(row["problem_id"], row["index"]): row["token_ids"] for row in rows(tmp_path)}
    header = json.loads((tmp_path / "rollouts/iteration=0000/_iteration.json").read_text())
    sampling = SamplingParams(**(header["sampling"] | {"stop": ()}))
    for told in (True, False):
        asked = [hinted(problem, HINT) if told else problem for problem in sums(4)]
        policy.sampler.load_policy(policy)
        drawn = dict(policy.sampler.sample(asked, sampling))
        direct = {(asked[i].id, k): x.token_ids for i, r in drawn.items() for k, x in enumerate(r.responses)}
        assert (direct == found) is told
