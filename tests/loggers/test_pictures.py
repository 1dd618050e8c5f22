"""Figures through real loggers, offline: TensorBoard, W&B, MLflow, and others by what they have."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_mstar.callbacks import SampleTable, TemperatureBalancer, TrainingDynamics
from lit_mstar.charts.searches import Search, search_figure
from lit_mstar.loggers.pictures import log_figure, log_histograms, pixels
from support.scripted import right

SEARCH = Search([0.5, 1.0, 1.5], [0.7, 0.8, 0.6], [0.02] * 3, 0.5, 1.0)


def trainer(*loggers: Any) -> Any:
    return SimpleNamespace(
        loggers=list(loggers), is_global_zero=True, strategy=SimpleNamespace(broadcast=lambda value: value)
    )


def drawn() -> np.ndarray:
    return np.asarray(pixels(search_figure(SEARCH)))


def test_tensorboard_gets_the_picture_at_its_step(tmp_path: Path):
    logger = TensorBoardLogger(tmp_path, name="", version="")
    log_figure(trainer(logger), "temperature/search", search_figure(SEARCH), 3)
    logger.finalize("success")
    (event,) = EventAccumulator(str(tmp_path)).Reload().Images("temperature/search")
    assert event.step == 3
    with Image.open(io.BytesIO(event.encoded_image_string)) as image:
        assert image.size == drawn().shape[1::-1]


def test_wandb_gets_it_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("wandb")
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    logger = WandbLogger(save_dir=tmp_path, offline=True)
    log_figure(trainer(logger), "temperature/search", search_figure(SEARCH), 3)
    log_histograms(trainer(logger), {"right": [0.9, 0.8], "wrong": [0.1]}, 3)
    logger.experiment.finish()
    names = [file.name for file in tmp_path.rglob("media/images/**/*.png")]
    assert any("search" in name for name in names)
    assert any("step_scores" in name for name in names)


def test_mlflow_gets_it_as_an_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    logger = MLFlowLogger(tracking_uri=f"file:{tmp_path}/mlruns")
    log_figure(trainer(logger), "temperature/search", search_figure(SEARCH), 3)
    (file,) = tmp_path.rglob("artifacts/temperature/search/0003.png")
    with Image.open(file) as image:
        assert image.width > 100


class Comet(CSVLogger):
    """What Comet's experiment has, as far as it is used."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.figures: list[tuple[str, int]] = []

    @property
    def experiment(self) -> Any:
        def log_figure(figure_name: str, figure: Any, step: int) -> None:
            self.figures.append((figure_name, step))

        return SimpleNamespace(log_figure=log_figure)


def test_an_experiment_that_logs_figures_gets_them(tmp_path: Path):
    logger = Comet(tmp_path)
    log_figure(trainer(logger), "a", search_figure(SEARCH), 1)
    assert logger.figures == [("a", 1)]


def test_others_are_told_of_once_and_do_not_stop_the_rest(tmp_path: Path):
    loggers = CSVLogger(tmp_path), TensorBoardLogger(tmp_path / "tb", name="", version="")
    with pytest.warns(UserWarning, match="CSVLogger shows no figures"):
        log_figure(trainer(*loggers), "a", search_figure(SEARCH), 1)
    loggers[1].finalize("success")
    assert EventAccumulator(str(tmp_path / "tb")).Reload().Tags()["images"] == ["a"]
    log_histograms(trainer(loggers[0]), {"right": [], "wrong": []}, 1)  # nothing to show is nothing to say


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wandb", "mlflow"])
def test_a_whole_run_logs_there(kind: str, evolution: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip(kind)
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "logs"))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    (tmp_path / "logs").mkdir()
    if kind == "wandb":
        logger: Any = WandbLogger(save_dir=tmp_path / "logs", offline=True)
    else:
        logger = MLFlowLogger(tracking_uri=f"file:{tmp_path}/logs/mlruns")
    logger.log_hyperparams({"model.optimizer.lr": 0.1})
    measured = [
        TemperatureBalancer(every=1, grid=[0.5, 1.0], by="pass", k=1),
        TrainingDynamics(k=2, temperatures=[0.7]),
        SampleTable(problems=1),
    ]
    evolution(lambda problem, index, sampling: right(problem, index), measured, logger=logger)
    names = [str(file) for file in (tmp_path / "logs").rglob("*.png")]
    assert any("search" in name for name in names)
    assert any("samples" in name for name in names)
    if kind == "mlflow":
        assert (next((tmp_path / "logs").rglob("metrics/exploration/pass_at_k"), None)) is not None
