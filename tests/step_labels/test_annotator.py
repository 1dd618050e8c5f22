"""Annotation through Lightning's predict loop: labels, files, and what a rerun does."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_mstar import Problem, Response, Rollout, StepAnnotator
from lit_mstar.data import DigitsSource, ProblemDataModule
from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from lit_mstar.step_labels import Drawing
from lit_mstar.step_labels.parquet import label_figures, read_steps
from support.helpers import make_tiny_backbone, png
from support.scripted import Killed, ListSource, ScriptedSampler, make_trainer, right, sums

RESPONSES = SamplingParams(n=3, max_tokens=10)
COMPLETIONS = SamplingParams(n=4, max_tokens=4, seed=1)
SIZES = {"train": 5, "validate": 3, "test": 2}


class Counting(TransformersSampler):
    """The real engine, which counts and may be killed."""

    def __init__(self, kill_at: int | None = None) -> None:
        super().__init__()
        self.count, self.kill_at = 0, kill_at

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        if self.count == self.kill_at:
            raise Killed
        return super().sample(*args, **kwargs)


class Answering(ScriptedSampler):
    """Writes true and false first steps; from a true one, `rate` of 4 completions are right, from a false one none."""

    def __init__(self, source: DigitsSource, rate: int) -> None:
        super().__init__(rule=lambda p, i, s: "")
        self.source, self.rate = source, rate

    def chains(self, problem: Problem) -> list[str]:
        digit = next(d for d in range(10) if self.source.judge_steps(problem, [f"The left digit is {d}."])[0])
        end = f"Step 2: So it is.\nAnswer: {problem.answer}"
        return [f"Step 1: The left digit is {d}.\n{end}" for d in (digit, (digit + 1) % 10)]

    def sample(self, problems, sampling, prefixes=None):
        for position, problem in enumerate(problems):
            true, false = self.chains(problem)
            if prefixes is None:
                texts = [true, false, true]  # a duplicate
            else:
                reached = self.rate if true.startswith(prefixes[position]) else 0
                texts = [f"Answer: {problem.answer if i < reached else 'none'}" for i in range(sampling.n)]
            yield position, Rollout(problem=problem, responses=[Response(text=text) for text in texts])


def source() -> DigitsSource:
    return DigitsSource(**SIZES)


def annotate(folder: Path, sampler: Any = None, **changes: Any) -> None:
    settings = {"responses": RESPONSES, "completions": COMPLETIONS} | changes
    seed = settings.pop("weights", 0)
    batch_size = settings.pop("batch_size", 2)
    torch.manual_seed(seed)
    annotator = StepAnnotator(str(folder), backbone=make_tiny_backbone(), sampler=sampler, **settings)
    data = ProblemDataModule(source(), eval_batch_size=batch_size, predict_splits=list(SIZES))
    make_trainer(folder.parent).predict(annotator, datamodule=data, return_predictions=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def rows(folder: Path) -> list[tuple[str, StepExample]]:
    return [row for file in sorted(folder.glob("*.parquet")) for row in read_steps(file)]


def test_labels_are_shares_of_right_completions(tmp_path: Path) -> None:
    digits = source()
    sampler = Answering(digits, rate=3)
    annotate(tmp_path / "steps", sampler)
    found = rows(tmp_path / "steps")
    for split, count in SIZES.items():
        of_split = [example for name, example in found if name == split]
        wanted = [
            (p.id, chain.split("\nAnswer")[0].split("\n"))
            for p in digits.problems(split)
            for chain in sampler.chains(p)
        ]
        assert [(example.problem.id, example.steps) for example in of_split] == wanted
        assert [example.labels for example in of_split] == [[0.75, 0.75], [0.0, 0.0]] * count
        assert [example.truth for example in of_split] == [[True, False], [False, False]] * count


def test_rows_of_the_real_model_follow_the_rules(tmp_path: Path) -> None:
    annotate(tmp_path / "steps")
    digits, found = source(), rows(tmp_path / "steps")
    problems = {p.id: (split, p) for split in SIZES for p in digits.problems(split)}
    assert {name for name, _ in found} == set(SIZES)
    assert {e.problem.id for _, e in found} == problems.keys()
    for name, example in found:
        split, problem = problems[example.problem.id]
        assert (name, example.problem.images, example.problem.answer) == (split, problem.images, problem.answer)
        assert len(example.labels) == len(example.steps) > 0
        assert set(example.labels) <= {k / COMPLETIONS.n for k in range(COMPLETIONS.n + 1)}
        assert example.truth == digits.judge_steps(problem, example.steps)


class Silent(Answering):
    """Says nothing in place of every false chain."""

    def chains(self, problem: Problem) -> list[str]:
        return [super().chains(problem)[0], ""]


def test_blank_responses_are_told_once_for_all_batches(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        annotate(tmp_path / "steps", Silent(source(), rate=3))
    count = sum(SIZES.values())
    about = [str(warning.message) for warning in told if "blank" in str(warning.message)]
    assert about == [f"{count} of {2 * count} distinct responses are blank: no steps to label."]
    assert len(rows(tmp_path / "steps")) == count


def test_rerun_samples_nothing_and_changes_no_file(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    annotate(tmp_path / "steps", first)
    before = contents(tmp_path / "steps")
    annotate(tmp_path / "steps", second)
    assert first.count > 0
    assert second.count == 0
    assert contents(tmp_path / "steps") == before
    assert sorted(before) == [f"{s}-{i:05d}.parquet" for s, n in sorted(SIZES.items()) for i in range(-(-n // 2))]


@pytest.mark.parametrize("kill_at", [1, 2, 6])
def test_killed_and_resumed_files_are_those_of_one_run(tmp_path: Path, kill_at: int) -> None:
    whole = Counting()
    annotate(tmp_path / "whole", whole)
    with pytest.raises(Killed):
        annotate(tmp_path / "steps", Counting(kill_at))
    left = set(contents(tmp_path / "steps")) if (tmp_path / "steps").exists() else set()
    assert not [name for name in left if not name.endswith(".parquet")]
    rest = Counting()
    annotate(tmp_path / "steps", rest)
    assert contents(tmp_path / "steps") == contents(tmp_path / "whole")
    assert rest.count < whole.count if left else rest.count == whole.count


@pytest.mark.parametrize(
    "changes",
    [
        {"responses": SamplingParams(n=2, max_tokens=10)},
        {"completions": SamplingParams(n=5, max_tokens=4, seed=1)},
        {"completions": SamplingParams(n=4, max_tokens=4, seed=2)},
        {"weights": 1},
        {"batch_size": 3},
    ],
    ids=str,
)
def test_changed_settings_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    annotate(tmp_path / "steps")
    before = contents(tmp_path / "steps")
    with pytest.raises(ValueError, match=r"another policy, other data or other settings; remove .*steps"):
        annotate(tmp_path / "steps", **changes)
    assert contents(tmp_path / "steps") == before


@pytest.mark.parametrize("change", [{"answer": "9"}, {"images": (png(),)}, {"question": "Other?"}, {"choices": ("a",)}])
def test_changed_data_are_refused_where_ids_are_the_same(tmp_path: Path, change: dict[str, Any]) -> None:
    problems = sums(3)
    changed = [*problems[:2], replace(problems[2], **change)]
    for source in (problems, problems, changed):
        torch.manual_seed(0)  # the same policy
        annotator = StepAnnotator(
            backbone=make_tiny_backbone(),
            sampler=ScriptedSampler(lambda problem, index, sampling: right(problem, index)),
            folder=str(tmp_path / "steps"),
            responses=SamplingParams(n=1),
            completions=SamplingParams(n=1),
        )
        data = ProblemDataModule(ListSource(train=source), eval_batch_size=8, predict_splits=["train"])
        context = pytest.raises(ValueError, match="other data") if source is changed else nullcontext()
        with context:
            make_trainer(tmp_path).predict(annotator, datamodule=data)


def test_blank_responses_make_no_rows(tmp_path: Path) -> None:
    annotate(tmp_path / "steps", ScriptedSampler(lambda problem, index, sampling: "" if index else " \n"))
    assert rows(tmp_path / "steps") == []
    assert len(contents(tmp_path / "steps")) == 3 + 2 + 1


def test_what_labels_took_is_counted(tmp_path: Path) -> None:
    annotate(tmp_path / "steps", Answering(source(), rate=3))
    figures = label_figures(tmp_path / "steps")
    problems = sum(SIZES.values())
    # From each problem's true chain two prefixes, from the false one the first; all of K.
    assert figures["completions"] == problems * 3 * COMPLETIONS.n
    annotate(tmp_path / "fewer", Answering(source(), rate=4), drawing=Drawing(until="success"))
    assert label_figures(tmp_path / "fewer")["completions"] == problems * (2 + COMPLETIONS.n)
    for _, example in rows(tmp_path / "fewer"):
        assert (example.labels, example.draws) in (([1.0, 1.0], [1, 1]), ([0.0, 0.0], [COMPLETIONS.n, 0]))


class Knowing(Answering):
    """Whole responses are right of every second problem, and wrong of the others."""

    def chains(self, problem: Problem) -> list[str]:
        true, false = super().chains(problem)
        alike = int(problem.id.rsplit("-", 1)[1]) % 2
        return [true, true.replace("So", "Thus")] if alike else [true, false.replace(str(problem.answer), "none")]


def test_only_mixed_problems_are_labelled_if_so_wished(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"2 of 5 training problems have only right or only wrong responses") as told:
        annotate(tmp_path / "steps", Knowing(source(), rate=3), choose="mixed")
    assert sum("only right or only wrong" in str(warning.message) for warning in told) == 1
    found = rows(tmp_path / "steps")
    numbers = {split: {int(e.problem.id.rsplit("-", 1)[1]) for name, e in found if name == split} for split in SIZES}
    assert numbers == {"train": {0, 2, 4}, "validate": {0, 1, 2}, "test": {0, 1}}  # what is held out is all there


def test_responses_count_where_they_are_drawn_like_completions(tmp_path: Path) -> None:
    drawing = Drawing(until="success", reuse=True)
    for name, temperature in (("alike", 1.0), ("hotter", 1.3)):
        responses = replace(RESPONSES, temperature=temperature)
        annotate(tmp_path / name, Answering(source(), rate=4), responses=responses, drawing=drawing)
    problems = sum(SIZES.values())
    # All responses are right, the false ones by accident: each is the first success from all of its prefixes.
    assert label_figures(tmp_path / "alike")["completions"] == 0
    assert label_figures(tmp_path / "hotter")["completions"] == problems * (2 + COMPLETIONS.n)


def test_other_ways_to_draw_are_other_labels(tmp_path: Path) -> None:
    annotate(tmp_path / "steps", Answering(source(), rate=3))
    with pytest.raises(ValueError, match="with another policy, other data or other settings"):
        annotate(tmp_path / "steps", Answering(source(), rate=3), drawing=Drawing(until="success"))
