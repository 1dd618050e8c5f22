"""What a config may name as a scorer, by path, by file, or as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lit_mstar import ProcessRewardModule
from lit_mstar.modules.scorer import scorer_of
from lit_mstar.scorers import CommandScorer, require_scores
from support.scorers import TEXT_ONLY, ListedScorer, rollouts
from support.scripted import make_policy, make_prm


def test_a_folder_and_the_folder_of_its_stage(tmp_path: Path):
    make_prm(tmp_path / "3-prm/model")
    plain = ProcessRewardModule.from_folder(str(tmp_path / "3-prm/model"))
    given = rollouts(TEXT_ONLY)
    for folder in (tmp_path / "3-prm/model", tmp_path / "3-prm"):
        assert require_scores(scorer_of(str(folder)), given) == require_scores(plain, given)


def test_a_described_module(tmp_path: Path):
    folder = make_prm(tmp_path / "prm")
    backbone = {"class_path": "lit_mstar.Backbone", "init_args": {"path": folder}}
    said = {"class_path": "lit_mstar.ProcessRewardModule", "init_args": {"backbone": backbone, "aggregation": "mean"}}
    (tmp_path / "scorer.yaml").write_text(yaml.safe_dump(said))
    scorer = scorer_of(str(tmp_path / "scorer.yaml"))
    assert scorer.aggregation == "mean"
    expected = require_scores(ProcessRewardModule.from_folder(folder), rollouts(TEXT_ONLY))
    assert require_scores_placed(scorer) == expected


def require_scores_placed(scorer) -> list:
    import torch

    scorer.place(torch.device("cpu"))
    return require_scores(scorer, rollouts(TEXT_ONLY))


def test_a_described_command(tmp_path: Path):
    said = {"class_path": "lit_mstar.scorers.CommandScorer", "init_args": {"command": ["true"], "bounds": [-1, 1]}}
    (tmp_path / "x.yml").write_text(yaml.safe_dump(said))
    scorer = scorer_of(str(tmp_path / "x.yml"))
    assert isinstance(scorer, CommandScorer)
    assert (scorer.command, scorer.bounds) == (["true"], (-1.0, 1.0))


def test_a_scorer_itself_is_checked():
    class Broken(ListedScorer):
        def check(self) -> None:
            raise ValueError("no weights")

    scorer = ListedScorer([0.5])
    assert scorer_of(scorer) is scorer
    with pytest.raises(ValueError, match="no weights"):
        scorer_of(Broken([0.5]))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"class_path": "lit_mstar.scorers.TokenPairScorer", "init_args": {"path": "x", "pre": 1}}, "'pre'"),
        ({"class_path": "lit_mstar.scorers.Nobody"}, "Nobody"),
        ({"class_path": "lit_mstar.samplers.TransformersSampler"}, "TransformersSampler"),
    ],
)
def test_a_file_that_describes_none_is_told(tmp_path: Path, said: dict, why: str):
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(said))
    with pytest.raises(ValueError, match=why):
        scorer_of(str(tmp_path / "x.yaml"))


def test_what_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(ValueError, match="a file that describes a scorer"):
        scorer_of(str(tmp_path / "none.yaml"))
    make_policy().save(tmp_path / "policy")
    with pytest.raises(ValueError, match="no prm_head.safetensors in it"):
        scorer_of(str(tmp_path / "policy"))
