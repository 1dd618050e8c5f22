"""Several runs side by side: paired differences with intervals, and only what is not the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lit_mstar.charts.curves import Curve
from lit_mstar.commands.stage_run import home_of, move_paths
from lit_mstar.front.changes import Difference, differences
from lit_mstar.report.browser.rows import Group, problem_rows
from lit_mstar.report.browser.sample import answers_to_tests
from lit_mstar.report.browser.thumbnails import Thumbnails
from lit_mstar.report.page import Page, Section, Table
from lit_mstar.report.run import Run, Stage
from lit_mstar.report.sections.chart import Chart, drawn
from lit_mstar.report.sections.headline import Card, correct, margin, mean, paired, share
from lit_mstar.report.source import RunSource
from lit_mstar.report.tally import Tally
from lit_mstar.rollouts.nouns import Rollout

# Measure: title, whether it is a share.
_CURVES = {
    "greedy_accuracy": ("Greedy accuracy on validation problems", True),
    "pass_at_k": ("Pass@K", True),
    "reward_pass_at_2": ("Reward-Pass@2", True),
    "share_correct": ("Right, of what was sampled", True),
    "faithful_kept": ("Kept chains that are true", True),
    "distinct": ("Distinct texts", True),
    "temperature": ("Temperature", False),
}
_HEADER = (
    "against",
    "run",
    "difference, points",
    "95%",
    "became right",
    "became wrong",
    "problems of both",
    "of one only",
)


def page_of_many(runs: Sequence[Run], sources: bool = True, watched: bool = False) -> Page:
    """The page of several runs; the first is what the others are held against."""
    names = dict(zip(_names(runs), runs, strict=True))
    source = RunSource(runs[0].evolving or runs[0].stages[-1], sources)
    tests = {name: _last_test(run, source) for name, run in names.items()}
    page = Page(title=" / ".join(names), subtitle=[f"{len(runs)} runs side by side"], watched=watched)
    page.cards = [_card(name, names[name], rollouts) for name, rollouts in tests.items()]
    page.sections = [Section("How they went", _charts(names))]
    page.tables = [
        Table("Differences on test problems", _HEADER, [*_gaps(tests)], "paired: the same problems, run by run"),
        Table("What was different", ("stage", "key", *names), [*_settings(names)]),
    ]
    if not page.tables[1].rows:
        page.notes.append("The runs' configs say the same of what decides a result; only the seed may differ.")
    if missing := [name for name, rollouts in tests.items() if not rollouts]:
        page.notes.append(f"Without tested.parquet, so not compared by problem: {', '.join(missing)}; test them anew.")
    apart = [Group(name, rollouts, 0.0, f"{name}, greedy") for name, rollouts in _apart(tests).items() if rollouts]
    pictures = Thumbnails(rollout.problem for group in apart for rollout in group.rollouts)
    if apart:
        rows = problem_rows(apart, source.judge, pictures)
        page.sets = [
            {"name": "test", "label": "test problems that they answer differently", "note": "", "problems": rows}
        ]
        page.images = pictures.urls
    page.notes += [*(note for run in runs for note in run.notes), *source.notes, *pictures.notes]
    return page


def _names(runs: Sequence[Run]) -> list[str]:
    """As short as tells them apart: the last parts of their folders."""
    parts = [run.folder.resolve().parts for run in runs]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise ValueError(f"{runs[0].folder} is given twice; name different runs.")


def _last_test(run: Run, source: RunSource) -> list[Rollout]:
    return next((found for stage in reversed(run.stages) if (found := answers_to_tests(stage, source))), [])


def _card(name: str, run: Run, rollouts: Sequence[Rollout]) -> Card:
    if rollouts:
        value = mean([*correct(rollouts).values()])
        return Card(f"{name}: test accuracy", share(value.value), margin(value), notes=(run.state,))
    told = [stage.summary["test_accuracy"] for stage in run.stages if "test_accuracy" in stage.summary]
    return Card(f"{name}: test accuracy", share(told[-1]) if told else "not tested", notes=(run.state,))


def _gaps(tests: Mapping[str, Sequence[Rollout]]) -> Iterator[list[str]]:
    (first, before), *others = tests.items()
    for name, after in others:
        if gap := paired(before, after):
            found, gained, lost = gap
            alone = len(correct(before).keys() ^ correct(after).keys())
            ends = f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
            yield [first, name, f"{100 * found.value:+.1f}", ends, str(gained), str(lost), str(found.n), str(alone)]


def _apart(tests: Mapping[str, Sequence[Rollout]]) -> dict[str, list[Rollout]]:
    """What was answered to the problems that some answer rightly and others wrongly."""
    verdicts: dict[str, set[float]] = {}
    for rollouts in tests.values():
        for name, verdict in correct(rollouts).items():
            verdicts.setdefault(name, set()).add(verdict)
    return {n: [r for r in rollouts if len(verdicts[r.problem.id]) > 1] for n, rollouts in tests.items()}


def _charts(names: Mapping[str, Run]) -> list[Chart]:
    """A chart for each measure in which the runs differ."""
    made = []
    headers = {name: run.evolving.measured if run.evolving else [] for name, run in names.items()}
    for measure, (title, percent) in _CURVES.items():
        lines = {name: curve for name, rows in headers.items() if (curve := _curve(rows, measure)).xs}
        if len({(tuple(line.xs), tuple(line.ys)) for line in lines.values()}) > 1:
            made.append(drawn(title, "by iteration", lines, percent))
    return made


def _curve(headers: Sequence[dict[str, Any]], measure: str) -> Curve:
    rows = [Tally(header["index"], header) for header in headers]
    points = [(row.index, value) for row in rows if (value := row.metrics.get(measure)) is not None]
    return Curve([x for x, _ in points], [y for _, y in points])


def _settings(names: Mapping[str, Run]) -> Iterator[list[str]]:
    """Every key of a stage's config in which a run differs from the first, with all runs' values."""
    by_name = {name: {stage.name: stage for stage in run.stages} for name, run in names.items()}
    first = next(iter(by_name))
    for stage in dict.fromkeys(stage for stages in by_name.values() for stage in stages):
        found: dict[str, dict[str, str]] = {}
        for name in by_name:
            for one in _between(by_name[first].get(stage), by_name[name].get(stage)):
                found.setdefault(one.key, {})[first] = str(one.before)
                found[one.key][name] = str(one.today)
        for key, values in found.items():
            yield [stage, key, *(values.get(name, values[first]) for name in names)]


def _between(one: Stage | None, other: Stage | None) -> list[Difference]:
    return differences(*([_placeless(stage)] if stage else [] for stage in (one, other)))


def _placeless(stage: Stage) -> dict[str, Any]:
    """A stage's config as it would be wherever the run is."""
    if not stage.config.get("trainer", {}).get("default_root_dir"):
        return stage.config
    moved: dict[str, Any] = move_paths(stage.config, home_of(stage.config), lambda name: Path("RUN", name))
    return moved
