from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from lit_mstar import Backbone, PolicyModule
from lit_mstar.callbacks import OptimizerState, StartingWeights
from lit_mstar.data import SelfEvolvingDataModule
from lit_mstar.modules.schedules import WarmupConstant
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.training.trainer import MStarTrainer
from support.scripted import Killed, ListSource, ScriptedSampler, right, sums, weights

STEPS = 4  # an iteration: 4 problems, 4 responses each, in batches of 4
LORA = {"r": 2, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}


class Weighing(ScriptedSampler):
    """What it says depends on the weights that it is given."""

    def __init__(self, kill_after: int | None = None) -> None:
        super().__init__(lambda problem, index, sampling: right(problem, index + self.shift), kill_after)
        self.shift = 0

    def load_policy(self, policy: Any) -> None:
        super().load_policy(policy)
        self.shift = int(1e6 * sum(float(value.double().sum()) for value in policy.state_dict().values())) % 6


class At(Callback):
    """Ends the run in a hook after so many steps: by SIGTERM, or as a kill does."""

    def __init__(self, hook: str, step: int, kill: bool = False) -> None:
        def fire(trainer: Any, *_: Any) -> None:
            if trainer.global_step == step and not trainer.sanity_checking:
                if kill:
                    raise Killed
                os.kill(os.getpid(), signal.SIGTERM)

        setattr(self, hook, fire)


class Starts(Callback):
    """Keeps the weights that each iteration's first batch meets, and those at its end."""

    def __init__(self) -> None:
        self.seen: list[dict[str, torch.Tensor]] = []
        self.ends: list[dict[str, torch.Tensor]] = []

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.ends.append(weights(pl_module))

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == 0:
            self.seen.append(weights(pl_module))


def evolve(folder: Path, backbone: Backbone, *callbacks: Callback, **options: Any) -> Any:
    """Three iterations of ReST-EM; returns the trainer."""
    torch.manual_seed(0)
    policy = PolicyModule(
        backbone,
        Weighing(options.pop("kill_after", None)),
        evaluation=SamplingParams(max_tokens=4),
        optimizer=lambda params: torch.optim.AdamW(params, lr=1e-3),
        lr_scheduler=lambda optimizer: WarmupConstant(optimizer, warmup_steps=2, decay_start=3, decay_steps=4),
    )
    source = ListSource(train=sums(8), validate=sums(2, "v"))
    data = SelfEvolvingDataModule(source, SamplingParams(n=4, max_tokens=8), 0.5, batch_size=4)
    keep = ModelCheckpoint(folder / "checkpoints", save_last=True, enable_version_counter=False)
    method = [StartingWeights(options.pop("start", "initial")), OptimizerState("reset")]
    resume = options.pop("resume", "last")
    settings = {"accelerator": "cpu", "max_epochs": 3, "num_sanity_val_steps": 0, "logger": False}
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "reload_dataloaders_every_n_epochs": 1}
    trainer = MStarTrainer(
        default_root_dir=folder, callbacks=[keep, *method, *callbacks], **(settings | quiet | options)
    )
    trainer.fit(policy, datamodule=data, ckpt_path=resume)
    return trainer


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], value) for name, value in theirs.items())


def initial(folder: Path) -> Path:
    """The one file of initial weights in a run's folder."""
    (file,) = (folder / "initial").iterdir()
    return file


@pytest.mark.parametrize("lora", [None, LORA], ids=["all weights", "LoRA"])
def test_each_iteration_starts_from_the_first_weights(lora: Any, tmp_path: Path, tiny_folder: Path):
    starts = Starts()
    evolve(tmp_path, Backbone(str(tiny_folder), lora=lora), starts)
    first = starts.seen[0]
    assert len(starts.seen) == 3
    assert same(starts.seen[1], first)
    assert same(starts.seen[2], first)
    assert not any(same(end, first) for end in starts.ends)
    assert same(torch.load(initial(tmp_path), weights_only=True)["state_dict"], first)


def test_previous_goes_on_and_keeps_nothing(tmp_path: Path, folder_backbone: Backbone):
    starts = Starts()
    evolve(tmp_path, folder_backbone, starts, start="previous")
    assert not any(same(starts.seen[i], starts.seen[j]) for i, j in [(0, 1), (1, 2), (0, 2)])
    assert not (tmp_path / "initial").exists()


MOMENTS: dict[str, dict[str, Any]] = {
    "SIGTERM within an iteration": {"hook": "on_train_batch_end", "step": STEPS + 2, "left": 2},
    "SIGTERM at an iteration's last batch": {"hook": "on_train_batch_end", "step": 2 * STEPS, "left": 1},
    "SIGTERM at an iteration's end": {"hook": "on_train_epoch_end", "step": 2 * STEPS, "left": 1},
    "killed within an iteration": {"hook": "on_train_batch_start", "step": STEPS + 2, "kill": True, "left": 2},
    "killed before the first checkpoint": {"hook": "on_train_batch_start", "step": 2, "kill": True, "left": 3},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> list[dict[str, torch.Tensor]]:
    """The weights at the ends of the iterations of a run that nothing interrupts."""
    torch.set_num_threads(1)
    starts = Starts()
    evolve(tmp_path_factory.mktemp("whole"), Backbone(str(tiny_folder)), starts)
    return starts.ends


def goes_on(
    folder: Path, backbone: Backbone, whole: list[dict[str, torch.Tensor]], iterations: int, **options: Any
) -> bool:
    """Whether a resumed run ends its iterations with the weights of the whole run: forgotten ones matter as well."""
    starts = Starts()
    assert evolve(folder, backbone, starts, **options).global_step == 3 * STEPS
    assert len(starts.ends) == iterations
    return all(same(end, expected) for end, expected in zip(starts.ends, whole[-iterations:], strict=True))


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_stopped_and_resumed_it_ends_with_the_weights_of_an_uninterrupted_run(
    moment: dict[str, Any], tmp_path: Path, folder_backbone: Backbone, whole: list[dict[str, torch.Tensor]]
):
    moment = dict(moment)
    iterations = moment.pop("left")
    with pytest.raises(Killed if "kill" in moment else SIGTERMException):
        evolve(tmp_path, folder_backbone, At(**moment))
    kept = initial(tmp_path)
    assert goes_on(tmp_path, folder_backbone, whole, iterations)
    assert (initial(tmp_path) == kept) == (moment["step"] > STEPS)  # a run that starts anew keeps its own, alone


def test_killed_while_it_samples_it_goes_on_from_the_first_weights(
    tmp_path: Path, folder_backbone: Backbone, whole: list[dict[str, torch.Tensor]]
):
    with pytest.raises(Killed):
        evolve(tmp_path, folder_backbone, kill_after=4 + 2 + 3)  # an iteration, its validation, some of the next
    assert goes_on(tmp_path, folder_backbone, whole, 2)


def test_a_checkpoint_of_an_iterations_last_batch_is_followed_by_one_from_the_first_weights(
    tmp_path: Path, folder_backbone: Backbone, whole: list[dict[str, torch.Tensor]]
):
    every = ModelCheckpoint(tmp_path / "steps", every_n_train_steps=STEPS, save_top_k=-1)
    evolve(tmp_path, folder_backbone, every, max_epochs=2)
    assert goes_on(tmp_path, folder_backbone, whole, 3, resume=tmp_path / "steps/epoch=0-step=4.ckpt")


def test_a_resumed_run_needs_its_own_initial_weights(tmp_path: Path, folder_backbone: Backbone):
    evolve(tmp_path / "first", folder_backbone, max_epochs=1)
    checkpoint = tmp_path / "first/checkpoints/last.ckpt"
    kept = initial(tmp_path / "first")
    other = tmp_path / "second"
    with pytest.raises(FileNotFoundError, match=rf"{other}/initial/{kept.name}, but it is missing; copy it from"):
        evolve(other, folder_backbone, resume=checkpoint)
    assert not (other / "rollouts").exists()  # before it samples
    (other / "initial").mkdir(parents=True)
    (other / "initial" / kept.name).write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(FileNotFoundError, match=rf"but {kept.name} is no whole file"):
        evolve(other, folder_backbone, resume=checkpoint)
    shutil.copy(kept, other / "initial")
    starts = Starts()
    evolve(other, folder_backbone, starts, resume=checkpoint)
    assert [same(seen, torch.load(kept, weights_only=True)["state_dict"]) for seen in starts.seen] == [True, True]


def test_a_run_without_initial_weights_cannot_go_back_to_them(tmp_path: Path, folder_backbone: Backbone):
    evolve(tmp_path, folder_backbone, start="previous", max_epochs=1)
    with pytest.raises(ValueError, match='"initial", but the checkpoint is of a run that did not keep its initial'):
        evolve(tmp_path, folder_backbone)


def test_a_trial_run_touches_no_initial_weights(tmp_path: Path, folder_backbone: Backbone):
    evolve(tmp_path, folder_backbone, max_epochs=1)
    kept = initial(tmp_path)
    evolve(tmp_path, folder_backbone, resume=None, fast_dev_run=True)
    assert initial(tmp_path) == kept


def test_another_word_is_refused():
    with pytest.raises(ValueError, match=r'StartingWeights.weights is "first"; it must be "previous" or "initial"'):
        StartingWeights("first")  # type: ignore[arg-type]
