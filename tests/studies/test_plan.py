from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_mstar.studies.definition import Override, Study
from lit_mstar.studies.plan import plan, predecessors

NAMES = ("1-a", "2-b", "3-c")
CONFIGS: dict[str, dict[str, Any]] = {
    "1-a": {"trainer": {"default_root_dir": "runs/r/1-a"}, "data": {"n": 1}},
    "2-b": {"trainer": {"default_root_dir": "runs/r/2-b"}, "model": {"path": "runs/r/1-a/model"}},
    "3-c": {"trainer": {"default_root_dir": "runs/r/3-c"}, "model": {"path": "runs/r/2-b/model"}},
}


def write_recipe(folder: Path, changed: str | None = None) -> Path:
    """Three stages, each on top of the one before; one of them may be changed."""
    (folder / "r").mkdir(parents=True, exist_ok=True)
    for name, config in CONFIGS.items():
        more = {"changed": True} if name == changed else {}
        (folder / f"r/{name}.yaml").write_text(yaml.safe_dump(config | more))
    return folder / "r"


def study(common: Override | None = None, **variants: Override | None) -> Study:
    return Study(title="T", recipe="r", variants=variants, common=common or {})


def folders(study: Study, recipe: Path, seeds: int = 1) -> dict[tuple[str, int], list[Path]]:
    runs = plan(study, recipe, Path("store"), seeds)
    return {(run.variant, run.seed): [stage.folder for stage in run.stages] for run in runs}


def same(first: list[Path], second: list[Path]) -> list[bool]:
    return [a == b for a, b in zip(first, second, strict=True)]


def overlay(name: str, **config: Any) -> Override:
    return {name: config or {"seed": 1}}


def test_seeds_begin_with_the_first(tmp_path: Path):
    recipe = write_recipe(tmp_path)
    runs = plan(study(v=None), recipe, Path("store"), 2, first=100)
    assert [run.seed for run in runs] == [100, 101]
    assert {stage.seed for stage in runs[1].stages} == {101}
    assert runs[0].stages[0].folder.parent.name == "seed=100"


@pytest.mark.parametrize("k", range(3))
def test_what_changes_a_stage_changes_the_folders_from_it_on_and_no_earlier_one(k: int, tmp_path: Path):
    recipe, name = write_recipe(tmp_path), NAMES[k]
    expected = [True] * k + [False] * (3 - k)
    plain = folders(study(v=None), recipe)["v", 0]
    changes = {
        "overlay": folders(study(v=overlay(name)), recipe)["v", 0],
        "another overlay": folders(study(v=overlay(name, seed=2)), recipe)["v", 0],
        "common": folders(study(overlay(name), v=overlay(name)), recipe)["v", 0],
        "config": folders(study(v=None), write_recipe(tmp_path / "changed", name))["v", 0],
    }
    for what, changed in changes.items():
        assert same(plain, changed) == expected, what
    assert len({paths[k] for paths in [plain, *changes.values()]}) == 5  # nor are any two alike


def test_a_seed_changes_all_folders_and_a_common_overlay_is_as_good_as_a_variants_own(tmp_path: Path):
    recipe = write_recipe(tmp_path)
    found = folders(study(v=overlay("2-b")), recipe, seeds=2)
    assert same(found["v", 0], found["v", 1]) == [False] * 3
    assert folders(study(overlay("2-b"), v=None), recipe)["v", 0] == found["v", 0]


def test_stages_are_shared_across_variants_and_studies_and_run_once(tmp_path: Path):
    recipe = write_recipe(tmp_path)
    one, two = study(base=None, late=overlay("3-c"), early=overlay("2-b")), study(again=None, late=overlay("3-c"))
    found = folders(one, recipe)
    assert same(found["base", 0], found["late", 0]) == [True, True, False]
    assert same(found["base", 0], found["early", 0]) == [True, False, False]
    assert folders(two, recipe)["again", 0] == found["base", 0]
    runs = [run for each in (one, two) for run in plan(each, recipe, Path("store"), 2)]
    before = predecessors(runs)
    assert Counter(stage.name for stage in before) == {NAMES[0]: 2 * 1, NAMES[1]: 2 * 2, NAMES[2]: 2 * 3}
    assert {stage.folder for stage in before} == {stage.folder for run in runs for stage in run.stages}
    for run in runs:
        for earlier, stage in zip([None, *run.stages], run.stages, strict=False):
            needed = next(needed for one, needed in before.items() if one.folder == stage.folder)
            assert (needed and needed.folder) == (earlier and earlier.folder)
    assert predecessors([]) == {}


def test_runs_go_seed_by_seed_and_folders_say_what_they_are(tmp_path: Path):
    runs = plan(study(a=None, b=overlay("3-c")), write_recipe(tmp_path), tmp_path / "store", 2)
    assert [(run.seed, run.variant) for run in runs] == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    for run in runs:
        for stage, name in zip(run.stages, NAMES, strict=True):
            assert (stage.name, stage.seed) == (name, run.seed)
            assert stage.folder.parent == tmp_path / f"store/r/seed={run.seed}"
            assert stage.folder.name.rpartition("-")[0] == name


def test_paths_in_configs_and_overlays_point_into_the_right_folders(tmp_path: Path):
    late = overlay("3-c", first="runs/r/1-a/model", own="runs/r/3-c/x", other="data/r/1-a")
    common = overlay("2-b", also=["runs/r/1-a/steps"])
    runs = plan(study(common, base=None, early=overlay("1-a"), late=late), write_recipe(tmp_path), Path("store"), 1)
    assert len({run.stages[0].folder for run in runs}) == 2
    for run in runs:
        a, b, c = (stage.folder for stage in run.stages)
        assert [stage.config["trainer"]["default_root_dir"] for stage in run.stages] == [str(a), str(b), str(c)]
        assert [stage.config["model"]["path"] for stage in run.stages[1:]] == [str(a / "model"), str(b / "model")]
        assert run.stages[1].overlays == [{"also": [str(a / "steps")]}]
        laid = [{"first": str(a / "model"), "own": str(c / "x"), "other": "data/r/1-a"}]
        assert run.stages[2].overlays == (laid if run.variant == "late" else [])


def test_a_variants_own_overlay_lies_on_top_of_the_common_one(tmp_path: Path):
    [run] = plan(study(overlay("1-a", n=1), v=overlay("1-a", n=2)), write_recipe(tmp_path), Path("store"), 1)
    assert run.stages[0].overlays == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("where", ["common", "v"])
def test_a_stage_that_the_recipe_lacks_is_refused(where: str, tmp_path: Path):
    wrong = study(overlay("4-d"), v=None) if where == "common" else study(v=overlay("4-d"))
    with pytest.raises(ValueError, match=f"{where} changes 4-d; stages are 1-a, 2-b, 3-c."):
        plan(wrong, write_recipe(tmp_path), Path("store"), 1)


def test_a_recipe_without_stages_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="has no stage configs .* correct the study's recipe"):
        plan(study(v=None), tmp_path, Path("store"), 1)
