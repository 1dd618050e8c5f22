from __future__ import annotations

import fcntl
import shutil
from pathlib import Path

import pytest

from lit_mstar.report.run import find_run
from lit_mstar.report.single import page_of


def test_a_recipes_stages_are_found_in_order_with_what_they_left(run: Path):
    found = find_run(run)
    assert [stage.name for stage in found.stages] == ["1-warmup", "3-prm", "4-evolve"]
    assert (found.title, found.state) == ("tiny, seed 0", "finished")
    assert found.evolving is not None
    assert found.evolving.name == "4-evolve"
    assert [header["weights"] for header in found.evolving.measured] == ["weights-0", "weights-1"]


def test_a_stage_by_itself_is_a_run(run: Path):
    found = find_run(run / "4-evolve")
    assert [stage.folder for stage in found.stages] == [run / "4-evolve"]
    assert found.title == "4-evolve"


def test_what_was_moved_aside_is_none_of_the_stages(run: Path, tmp_path: Path):
    shutil.copytree(run, tmp_path / "r")
    (tmp_path / "r" / "3-prm").rename(tmp_path / "r" / "3-prm.replaced-1")
    assert [stage.name for stage in find_run(tmp_path / "r").stages] == ["1-warmup", "4-evolve"]


def test_a_run_is_running_while_somebody_holds_its_lock(run: Path, tmp_path: Path):
    shutil.copytree(run, tmp_path / "r")
    (tmp_path / "r" / "summary.json").unlink()
    assert find_run(tmp_path / "r").state == "not finished"
    with (tmp_path / "r" / "4-evolve" / ".claim").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert find_run(tmp_path / "r").state == "running"
    assert find_run(tmp_path / "r").state == "not finished"


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="holds no run; name the folder of a run"):
        find_run(tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000])
def test_a_summary_that_cannot_be_read_is_as_if_it_were_not_there(run: Path, tmp_path: Path, text: str):
    shutil.copytree(run, tmp_path / "r")
    (tmp_path / "r" / "summary.json").write_text(text)
    assert find_run(tmp_path / "r").state == "not finished"


def test_results_of_benchmarks_are_no_run(tmp_path: Path):
    (tmp_path / "results.json").write_text("{}")
    (tmp_path / "config.yaml").write_text("{}")
    with pytest.raises(ValueError, match="results of benchmarks.*lit-mstar compare"):
        find_run(tmp_path)


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "\x00"])
def test_a_config_that_cannot_be_read_is_as_if_it_were_not_there(run: Path, tmp_path: Path, text: str):
    shutil.copytree(run, tmp_path / "r")
    (tmp_path / "r" / "4-evolve" / "config.yaml").write_text(text)
    assert find_run(tmp_path / "r").stages[-1].config == {}
    page = page_of(find_run(tmp_path / "r"))
    assert any(note.startswith("Not all of the problems") for note in page.notes)
    assert len(page.sets[0]["problems"]) == 24
