from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar.report.command import main


def test_one_file_is_written_where_it_is_asked_for(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main([str(run), "--out", str(tmp_path / "deep" / "page.html"), "--no-source"])
    text = (tmp_path / "deep" / "page.html").read_text()
    assert "<h1>tiny, seed 0</h1>" in text
    assert "Not all of the problems: images were not asked for" in text
    assert str(tmp_path / "deep" / "page.html") in capsys.readouterr().out


def test_a_source_that_has_moved_costs_the_images_and_is_said(run: Path, tmp_path: Path):
    import shutil

    shutil.copytree(run, tmp_path / "r")
    config = tmp_path / "r" / "4-evolve" / "config.yaml"
    config.write_text(config.read_text().replace("lit_mstar.data.DigitsSource", "my_module.GoneSource"))
    main([str(tmp_path / "r"), "--out", str(tmp_path / "page.html")])
    text = (tmp_path / "page.html").read_text()
    assert "Not all of the problems: the source of 4-evolve cannot be read" in text
    assert "my_module" in text
