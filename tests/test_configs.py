from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lit_mstar.callbacks import PRMFilter, TemperatureBalancer, TrainingDynamics
from lit_mstar.commands.cli import MStarCLI
from lit_mstar.commands.stage_run import fitting
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.data.hint import hinted
from lit_mstar.front.recipe import read_config
from lit_mstar.models.sharding import Sharding
from lit_mstar.modules.scorer import described_scorer
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.scorers.presets import preset
from lit_mstar.studies.definition import read_study
from lit_mstar.studies.plan import plan

CONFIGS = Path(__file__).parents[1] / "configs"
SAMPLERS = sorted((CONFIGS / "samplers").glob("*.yaml"))
TRAINERS = sorted((CONFIGS / "trainer").glob("*.yaml"))
STAGES = sorted([*CONFIGS.glob("*/[0-9]*.yaml"), *CONFIGS.glob("*/*/[0-9]*.yaml")])


def instantiate(config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MStarCLI:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PRMFilter, "setup", lambda *_: None)
    return MStarCLI(args=["--config", str(config), *on_cpu(config)], run=False)


@pytest.fixture(autouse=True)
def _on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes for GPUs are constructed on a machine without, and without an engine."""
    monkeypatch.setattr("lit_mstar.samplers.vllm.find_spec", lambda name: name)


def on_cpu(config: Path) -> list[str]:
    asked = read_config(config)["trainer"].get("accelerator")
    return ["--trainer.accelerator", "cpu", "--trainer.devices", "1"] if asked == "gpu" else []


@pytest.mark.parametrize("config", STAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_stage_parses_and_instantiates(config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    cli = instantiate(config, monkeypatch, tmp_path)
    assert type(cli.model).__name__ == read_config(config)["model"]["class_path"].rpartition(".")[2]


@pytest.mark.parametrize("config", STAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_stage_keeps_its_files_in_the_folder_of_its_name(config: Path):
    stage = read_config(config)
    trial = config.parent.name == "trial"
    home = f"runs/{'your-data-trial' if trial else config.parent.name}/{config.stem}"
    assert stage["trainer"]["default_root_dir"] == home
    if stage["trainer"]["logger"]:
        assert stage["trainer"]["logger"]["init_args"]["save_dir"] == home
        checkpoints = stage["trainer"]["callbacks"][0]
        assert checkpoints["init_args"]["dirpath"] == f"{home}/checkpoints"
        assert checkpoints["init_args"]["monitor"].startswith("val/")  # what is reported is never chosen on test


FULL = sorted(CONFIGS.glob("*/full.yaml"))


@pytest.mark.parametrize("overlay", FULL, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("stage", ["1-warmup", "2-annotate", "3-prm", "4-evolve"])
def test_all_weights_instead_of_lora_is_an_overlay(
    overlay: Path, stage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PRMFilter, "setup", lambda *_: None)
    config = overlay.parent / f"{stage}.yaml"
    laid = fitting(yaml.safe_load(overlay.read_text()), read_config(config))
    assert laid is not None
    (tmp_path / "laid.yaml").write_text(yaml.safe_dump(laid))
    files = ["--config", str(config), "--config", "laid.yaml"]
    cli = MStarCLI(args=[*files, *on_cpu(config)], run=False)
    assert type(cli.trainer.strategy).__name__ == "FSDP2Strategy"
    assert (cli.model.backbone.lora, cli.model.backbone.dtype) == (None, "float32")
    assert cli.model.backbone.freeze_vision  # the rest is the stage's
    if stage != "3-prm":
        assert cli.model.sampler.sync == "merged"


@pytest.mark.parametrize("name", ["minicpm_v_2_5", "phi_3_5_vision", "internvl2_2b"])
def test_the_papers_recipes_have_its_hyperparameters(name: str):
    stage = read_config(CONFIGS / "paper" / name / "4-evolve.yaml")
    trainer, model, data = stage["trainer"], stage["model"]["init_args"], stage["data"]["init_args"]
    assert trainer["accumulate_grad_batches"] * data["batch_size"] * 8 == 128
    assert model["optimizer"]["init_args"]["lr"] == 1e-6
    schedule = {"class_path": "lit_mstar.modules.RunSchedule", "init_args": {"warmup": 0.0}}
    assert model["lr_scheduler"] == schedule  # constant
    assert (data["interval"], data["sampling"]["n"], data["sampling"]["temperature"]) == (0.25, 16, 1.0)
    assert not model["backbone"]["init_args"]["trust_remote_code"]
    names = [callback["class_path"].rpartition(".")[2] for callback in trainer["callbacks"]]
    assert {"PRMFilter", "TemperatureBalancer"} <= set(names)  # top 2, and every 2 iterations by default


REAL = sorted({file.parent for file in CONFIGS.rglob("recipe.yaml")} - {CONFIGS / name for name in (
    *("quickstart", "quickstart-control", "three-digits", "benchmarks", "your-data"),
)})  # fmt: skip


@pytest.mark.parametrize("recipe", REAL, ids=lambda path: path.name)
def test_recipes_for_real_models_differ_in_one_file(recipe: Path):
    stages = sorted(file.name for file in (CONFIGS / "your-data").glob("[0-9]*.yaml"))
    assert stages == sorted(file.name for file in recipe.glob("[0-9]*.yaml"))
    for name in stages:
        assert (recipe / name).read_text() == (CONFIGS / "your-data" / name).read_text()


@pytest.mark.parametrize(
    "recipe", [*REAL, *(CONFIGS / n for n in ("your-data", "quickstart", "three-digits"))], ids=str
)
def test_what_a_recipe_says_is_needed_by_a_stage(recipe: Path):
    said = yaml.safe_load((recipe / "recipe.yaml").read_text())
    texts = [file.read_text() for file in recipe.glob("*.yaml")]
    assert [name for name in said if not any(f"$({name})" in text for text in texts)] == []


STEP_BENCHMARKS = [CONFIGS / "benchmarks" / f"{name}.yaml" for name in ("visualprocessbench", "processbench")]
BENCHMARKS = sorted({*(CONFIGS / "benchmarks").glob("*.yaml")} - {CONFIGS / "benchmarks/recipe.yaml", *STEP_BENCHMARKS})


@pytest.mark.parametrize("config", BENCHMARKS, ids=lambda path: path.stem)
def test_every_benchmark_instantiates(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    backbone = ["--model.backbone", "lit_mstar.Backbone", "--model.backbone.path", "mine"]
    cli = MStarCLI(args=["--config", str(config), *backbone], run=False)
    names = [benchmark.name for benchmark in cli.datamodule.benchmarks]
    wanted = ["MathVista", "M3CoT", "MMStar-R", "MMBench-R", "AI2D"]
    assert names == wanted if config.stem == "all" else len(names) == 1
    assert cli.model.evaluation.temperature == 0


@pytest.mark.parametrize("config", STEP_BENCHMARKS, ids=lambda path: path.stem)
def test_every_step_benchmark_instantiates(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    cli = MStarCLI(args=["--config", str(config), "--model.scorer", "mine"], run=False)
    figures = {benchmark.name: benchmark.figure for benchmark in cli.datamodule.benchmarks}
    assert figures == (
        {"VisualProcessBench": "macro_f1"}
        if config.stem == "visualprocessbench"
        else dict.fromkeys(["GSM8K", "MATH", "OlympiadBench", "Omni-MATH"], "first_error")
    )


SCORERS = sorted((CONFIGS / "scorers").glob("*.yaml"))


@pytest.mark.parametrize("config", SCORERS, ids=lambda path: path.stem)
def test_every_scorer_instantiates(config: Path):
    scorer = described_scorer(config)
    said = yaml.safe_load(config.read_text())
    assert type(scorer).__name__ == said["class_path"].rpartition(".")[2]
    given = said["init_args"]
    wanted = preset(given["preset"]) if "preset" in given else None
    assert scorer.threshold == given.get("threshold", wanted.threshold if wanted else 0.5)
    assert scorer.aggregation == given.get("aggregation", wanted.aggregation if wanted else "min")


def test_the_control_warms_up_exactly_like_the_quickstart():
    ours, theirs = CONFIGS / "quickstart-control/1-warmup.yaml", CONFIGS / "quickstart/1-warmup.yaml"
    assert ours.read_text() == theirs.read_text()


def test_evolve_plugs_in_filtering_balancing_and_dynamics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    cli = instantiate(CONFIGS / "quickstart/4-evolve.yaml", monkeypatch, tmp_path)
    kinds = [type(callback) for callback in cli.trainer.callbacks]
    assert {PRMFilter, TemperatureBalancer, TrainingDynamics} <= set(kinds)
    balancer = cli.trainer.callbacks[kinds.index(TemperatureBalancer)]
    assert (balancer.every, balancer.criterion.k, balancer.grid) == (2, 2, [t / 10 for t in range(3, 17)])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("stage", ["1-warmup", "2-annotate", "4-evolve"])
def test_a_sampler_config_replaces_the_stages_own(
    stage: str, sampler: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PRMFilter, "setup", lambda *_: None)
    monkeypatch.setattr("lit_mstar.samplers.vllm.find_spec", lambda name: name)  # constructing it needs no engine
    cli = MStarCLI(args=["--config", str(CONFIGS / f"quickstart/{stage}.yaml"), "--config", str(sampler)], run=False)
    wanted = yaml.safe_load(sampler.read_text())["model"]["init_args"]["sampler"]
    assert type(cli.model.sampler).__name__ == wanted["class_path"].rpartition(".")[2]
    home = f"runs/quickstart/{stage}"
    assert cli.trainer.default_root_dir.endswith(home)  # the rest is the stage's


@pytest.mark.parametrize("trainer", TRAINERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("stage", ["1-warmup", "3-prm", "4-evolve"])
def test_a_trainer_config_changes_where_a_stage_runs_and_nothing_else(
    stage: str, trainer: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PRMFilter, "setup", lambda *_: None)
    on_cpu = ["--trainer.accelerator", "cpu", "--trainer.devices", "2"]  # what a machine without GPUs can construct
    if trainer.stem == "fsdp":  # which Lightning has for GPUs alone
        on_cpu += ["--trainer.strategy", "auto"]
    files = ["--config", str(CONFIGS / f"quickstart/{stage}.yaml"), "--config", str(trainer)]
    cli = MStarCLI(args=[*files, *on_cpu], run=False)
    plain = read_config(CONFIGS / f"quickstart/{stage}.yaml")["trainer"]
    overlay = yaml.safe_load(trainer.read_text())
    assert overlay.keys() == {"trainer"}
    assert not overlay["trainer"].keys() & {"default_root_dir", "callbacks", "logger", "max_epochs"}
    assert cli.trainer.max_epochs == plain["max_epochs"]
    assert cli.trainer.default_root_dir.endswith(plain["default_root_dir"])
    names = {name.rpartition(".")[2] for name in (c["class_path"] for c in plain["callbacks"])}
    assert names <= {type(callback).__name__ for callback in cli.trainer.callbacks}
    wanted = overlay["trainer"]["strategy"]
    if isinstance(wanted, dict) and trainer.stem != "fsdp":
        assert type(cli.trainer.strategy).__name__ == wanted["class_path"].rpartition(".")[2]


def test_how_to_shard_is_a_key_of_the_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    more = "model: {init_args: {sharding: {param_dtype: bfloat16, reduce_dtype: float32, cpu_offload: true}}}"
    (tmp_path / "more.yaml").write_text(more)
    stage = str(CONFIGS / "quickstart/1-warmup.yaml")
    cli = MStarCLI(args=["--config", stage, "--config", "more.yaml"], run=False)
    assert cli.model.sharding == Sharding("bfloat16", "float32", cpu_offload=True)


def test_the_warmup_by_hint_samples_with_the_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    config = CONFIGS / "hint-warmup.yaml"
    monkeypatch.chdir(tmp_path)
    cli = MStarCLI(args=["--config", str(config), "--config", str(CONFIGS / "trainer/cpu.yaml")], run=False)
    assert (cli.datamodule.interval, cli.trainer.max_epochs) == (1.0, 1)
    assert cli.model.backbone.path == "HuggingFaceTB/SmolVLM-256M-Instruct"
    asked = hinted(Problem(id="p", question="How many?", answer="7"), cli.datamodule.hint).question
    assert asked.startswith("How many?\nThe answer is known to be 7.")
    assert "{" not in asked


STUDIES = {
    (file.stem, variant): (read_study(file), file)
    for file in sorted((CONFIGS / "studies").glob("*.yaml"))
    for variant in read_study(file).variants
}


@pytest.mark.parametrize(("name", "variant"), STUDIES, ids=map("/".join, STUDIES))
def test_every_variant_of_a_study_is_what_its_overlays_say(
    name: str, variant: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    study, file = STUDIES[name, variant]
    runs = plan(study, file.parent / study.recipe, tmp_path, seeds=1)
    stage = next(run.stages[-1] for run in runs if run.variant == variant)
    arguments = []
    for number, config in enumerate([stage.config, *stage.overlays]):
        (tmp_path / f"{number}.yaml").write_text(yaml.safe_dump(config))
        arguments += ["--config", str(tmp_path / f"{number}.yaml")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PRMFilter, "setup", lambda *_: None)
    cli = MStarCLI(args=arguments, run=False)
    laid = [callback for overlay in stage.overlays for callback in overlay.get("trainer", {}).get("callbacks+", [])]
    there = {type(callback).__name__ for callback in cli.trainer.callbacks}
    assert {callback["class_path"].rpartition(".")[2] for callback in laid} <= there
    epochs = [x["max_epochs"] for overlay in stage.overlays if "max_epochs" in (x := overlay.get("trainer", {}))]
    assert cli.trainer.max_epochs == (epochs or [12])[-1]
    if isinstance(cli.datamodule, SelfEvolvingDataModule) and cli.trainer.max_epochs:
        passes = 6 if name == "temperature" else 3  # all see every problem equally often
        assert cli.trainer.max_epochs * cli.datamodule.interval == passes


@pytest.mark.parametrize("name", sorted({name for name, _ in STUDIES}))
def test_a_study_says_what_it_compares_and_with_what(name: str):
    study = next(study for (stem, _), (study, _) in STUDIES.items() if stem == name)
    assert study.tables
    planned = name in ("training_method", "reward_model", "temperature")
    assert study.seeds >= (12 if planned else 3)
    assert bool(study.plan.basis) == planned
