"""The page of one run."""

from __future__ import annotations

from collections.abc import Sequence

from lit_mstar.report.browser.rows import Group, problem_rows
from lit_mstar.report.browser.sample import answers_to_tests, choose, rollouts_of
from lit_mstar.report.browser.thumbnails import Thumbnails
from lit_mstar.report.page import Page, Section
from lit_mstar.report.run import Run, Stage
from lit_mstar.report.sections import costs, provenance
from lit_mstar.report.sections.chains import ByIteration, contrasts, votes
from lit_mstar.report.sections.headline import cards
from lit_mstar.report.sections.progress import how_it_went
from lit_mstar.report.sections.rewarded import reward_charts, step_charts
from lit_mstar.report.sections.searched import searches
from lit_mstar.report.source import RunSource
from lit_mstar.report.tally import Tally, tallies
from lit_mstar.rollouts.nouns import Rollout

Tests = Sequence[tuple[Stage, Sequence[Rollout]]]


def page_of(run: Run, sources: bool = True, watched: bool = False) -> Page:
    """Everything about a run, as far as it is.

    Args:
        run: Finished or not.
        sources: Read problems from the source that the run's config names, for their images.
        watched: The page will be served.
    """
    stage = run.evolving
    source = RunSource(stage or (run.stages[-1] if run.stages else None), sources)
    found = tallies(stage) if stage else []
    chosen = choose(found)
    shown = {t.index: rollouts_of(stage, t.index, chosen, source) for t in found} if stage else {}
    tests = [(one, answers_to_tests(one, source)) for one in run.stages]
    valid = sum(problem.answer is not None for problem in source.problems("validate").values())
    page = Page(title=run.title, subtitle=_subtitle(run, stage, found), watched=watched)
    page.cards = cards(run, found, tests, valid)
    page.bars = [
        ("time by stage", costs.stage_times(run)),
        (f"time by phase of {stage.name}" if stage else "", costs.phase_times(stage)),
        ("tokens", costs.tokens(found)),
    ]
    part = "" if len(chosen) == _asked(found) else f"of a sample of {len(chosen):,} problems"
    page.sections = [
        Section("How it went", how_it_went(found, valid)),
        Section("Temperature searches", searches(found)),
        Section("What was kept, against other right responses", contrasts(shown, source.judge), part),
        Section(
            "What the reward tells",
            [*reward_charts(found), *step_charts(shown, source.judge), *votes(shown)],
            part and f"step scores' reliability and votes: {part}; the others: of all",
        ),
    ]
    _browse(page, source, stage, found, shown, tests)
    page.iterations = provenance.iterations(found)
    page.stages = [*provenance.stages(run)]
    page.notes += [*run.notes, *source.notes]
    return page


def _browse(
    page: Page, source: RunSource, stage: Stage | None, found: Sequence[Tally], shown: ByIteration, tests: Tests
) -> None:
    """What the browser of problems gets."""
    trained = [
        Group(
            f"iteration {tally.index}",
            shown[tally.index],
            tally.header.get("sampling", {}).get("temperature"),
            provenance.note_of(tally, stage) if stage else "",
        )
        for tally in found
    ]
    tested = [Group(one.name, rollouts, 0.0, f"{one.name}, greedy") for one, rollouts in tests if rollouts]
    problems = [rollout.problem for group in (*tested, *trained) for rollout in group.rollouts]
    pictures = Thumbnails(problems)
    page.sets = [
        {
            "name": name,
            "label": f"{name} problems",
            "note": note,
            "problems": problem_rows(groups, source.judge, pictures),
        }
        for name, groups, note in (("training", trained, _sampled(found, shown)), ("test", tested, ""))
        if groups
    ]
    page.images = pictures.urls
    page.notes += pictures.notes


def _asked(found: Sequence[Tally]) -> int:
    return len({name for tally in found for name in tally.asked})


def _sampled(found: Sequence[Tally], shown: ByIteration) -> str:
    """What to say where not all problems are shown."""
    there = len({rollout.problem.id for rollouts in shown.values() for rollout in rollouts})
    if there == _asked(found):
        return ""
    whole = f"{_asked(found):,} problems"
    return f"a sample, drawn at random, of {whole}; the numbers above count all of them, charts unless they say so"


def _subtitle(run: Run, stage: Stage | None, found: Sequence[Tally]) -> list[str]:
    """What was run, on what."""
    first = run.stages[0] if run.stages else None
    parts = [provenance.model_of(first) if first else "", provenance.source_of(stage) if stage else ""]
    if found:
        n = found[-1].header.get("sampling", {}).get("n")
        parts.append(f"{len(found)} iterations × {len(found[-1].asked):,} problems × {n} responses")
    device = next((one.summary["device"] for one in reversed(run.stages) if "device" in one.summary), "")
    return [part for part in (*parts, device, run.state) if part]
