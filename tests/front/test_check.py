from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_mstar.front.check import check_command, check_configs, read_command

CONFIGS = Path(__file__).parents[2] / "configs"
STAGE = CONFIGS / "quickstart/4-evolve.yaml"
PARTS = {"studies", "scorers"}  # these are no stages
FINE = [file for file in sorted(CONFIGS.rglob("*.yaml")) if file.name != "recipe.yaml" and not PARTS & {*file.parts}]


@pytest.mark.parametrize("file", FINE, ids=lambda file: str(file.relative_to(CONFIGS)))
def test_our_own_configs_have_no_mistakes(file: Path) -> None:
    check_configs([file])
    if file.parent.name in ("samplers", "trainer"):  # to be laid over any stage
        check_configs([STAGE, file])


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all keys of a config."""
    found = []
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        found += [(*path, key)] * isinstance(key, str) + leaves(part, (*path, key))
    return found


def test_any_key_of_the_quickstart_that_is_misspelled_is_found_and_the_right_one_suggested(tmp_path: Path) -> None:
    """Every key in turn loses its last letter."""
    from lit_mstar.front.recipe import read_config

    tried = 0
    for path in leaves(read_config(STAGE)):
        if path[-1] in ("class_path", "init_args") or path[0] == "trainer" and "logger" in path[:-1]:
            continue  # TensorBoardLogger takes anything
        config = place = read_config(STAGE)
        for key in path[:-1]:
            place = place[key]
        place[path[-1][:-1] or "_"] = place.pop(path[-1])
        (tmp_path / "stage.yaml").write_text(yaml.safe_dump(config))
        with pytest.raises(ValueError, match="has no option|there is no option") as error:
            check_configs([tmp_path / "stage.yaml"])
        near = f"Did you mean {path[-1]!r}?" if len(path[-1]) > 2 else ""
        assert near in str(error.value), path
        tried += 1
    assert tried > 40


@pytest.mark.parametrize(
    "options",
    [
        ["--trainer.max_epochs", "3"],
        ["--trainer.max_epochs=3"],
        ["--model.optimizer.lr", "1e-3"],
        ["--model.init_args.backbone.init_args.path", "x"],
        ["--data.sampling.n=4", "--data.source.train", "7"],
        ["--trainer.callbacks+=lit_mstar.callbacks.PredictionWriter", "--trainer.callbacks.file=answers.jsonl"],
        ["--model", "lit_mstar.ProcessRewardModule"],
        ["--trainer.logger.anything", "3"],
        ["--print_config"],
        ["--print_config=skip_null"],
        ["--seed_everything", "7", "--out", "elsewhere", "--ckpt_path", "last"],
    ],
)
def test_options_that_exist_pass(options: list[str]) -> None:
    check_command("test", ["--config", str(STAGE), *options])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--trainer.max_epoch", "3"],
            "--trainer.max_epoch: Trainer has no option 'max_epoch'. Did you mean 'max_epochs'?",
        ),
        (["--data.source.trian=3"], "--data.source.trian: DigitsSource has no option 'trian'. Did you mean 'train'?"),
        (["--data.sampling.max_token=3"], "SamplingParams has no option 'max_token'. Did you mean 'max_tokens'?"),
        (["--model.backbone.pth", "x"], "Backbone has no option 'pth'. Did you mean 'path'?"),
        (["--sed", "3"], "--sed: there is no such option."),
        (["--data", "lit_mstar.data.SelfEvolvingDatamodule"], "Did you mean 'SelfEvolvingDataModule'?"),
        (
            ["--trainer.callbacks+=lit_mstar.callbacks.PRMFiltr"],
            "lit_mstar.callbacks has no 'PRMFiltr'. Did you mean 'PRMFilter'?",
        ),
        (["--trainer.callbacks+=mine_that_is_not.X"], "there is no module 'mine_that_is_not'"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: list[str], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is looked at
        check_command("test", ["--config", str(STAGE), *options])
    assert message in str(error.value)


def test_an_overlay_is_checked_by_the_class_that_it_changes(tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text("data: {init_args: {batch_siz: 3}}")
    with pytest.raises(ValueError, match=r"over.yaml: data: SelfEvolvingDataModule has no option 'batch_siz'"):
        check_configs([STAGE, tmp_path / "over.yaml"])
    check_configs([tmp_path / "over.yaml"])  # by itself, nobody can tell


@pytest.mark.parametrize("command", ["fit", "annotate"])
def test_inputs_that_are_not_there_are_named_before_anything_is_imported(command: str, tmp_path: Path) -> None:
    config = {"data": {"init_args": {"source": {"init_args": {"train": str(tmp_path / "trian.jsonl")}}}}}
    (tmp_path / "train.jsonl").write_text("")
    (tmp_path / "stage.yaml").write_text(yaml.safe_dump(config))
    asked = ["--config", str(tmp_path / "stage.yaml")]
    with pytest.raises(ValueError, match=r"data.source.train: .* does not exist. Did you mean '.*train.jsonl'"):
        check_command(command, asked)
    check_command("test", asked)  # which may not need it
    check_command(command, [*asked, "--data.source.train", "other.jsonl"])
    made = {"model": {"init_args": {"backbone": {"init_args": {"path": "runs/x/1-warmup/model"}}}}}
    (tmp_path / "stage.yaml").write_text(yaml.safe_dump(made))
    with pytest.raises(ValueError, match="Stage 1-warmup makes it"):
        check_command(command, asked)
    check_command(command, [*asked, "--print_config"])  # which reads nothing


@pytest.mark.parametrize("given", ["last", "best", "hpc", "registry:mine", "https://host/x.ckpt", "there.ckpt"])
def test_a_checkpoint_may_be_a_file_a_url_or_a_word(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.ckpt").touch()
    check_command("fit", ["--ckpt_path", given])
    with pytest.raises(ValueError, match="--ckpt_path ther.ckpt does not exist.* Did you mean 'there.ckpt'"):
        check_command("fit", ["--ckpt_path", "ther.ckpt"])


def test_a_command_line_is_read_as_options_and_configs() -> None:
    command = read_command(["--config", "a.yaml", "--flag", "--x.y=1", "--config=b.yaml", "--z", "2", "stray"])
    assert command.configs == [Path("a.yaml"), Path("b.yaml")]
    assert command.options == [("flag", ""), ("x.y", "1"), ("z", "2")]
