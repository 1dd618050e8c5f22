"""Where an iteration's training starts from: the weights of the iteration before, or those that the run began with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from lit_mstar.modules.checkpoints import load_weights
from lit_mstar.training.resume import defect


class StartingWeights(Callback):
    """Chooses the weights that an iteration is trained from. It is sampled with those of the iteration before, π(t).

    The paper's training methods are made of this, of `OptimizerState` and of `data.init_args.interval`:

    | method | starting weights | optimizer state |
    |---|---|---|
    | Iterative RFT | previous | reset |
    | ReST-EM | initial | reset |
    | Continuous Self-Evolving | previous | keep |

    The interval between two updates of the policy is 100, 50, 25, 12.5 or 6.25% of the training problems.

    With `initial`, a run that starts anew writes its weights into `<default_root_dir>/initial/` (all of them, also the
    frozen ones), in place of what an earlier run has left there; iterations read them back. It is the folder that a
    run is resumed in that must have them. They have a name of their own for each run, which is part of each checkpoint.

    Args:
        weights: "previous" goes on with π(t); "initial" goes back to π(0) before each iteration is trained.

    Raises:
        ValueError: If `weights` is neither; when resuming, if the checkpoint is of a run without initial weights.
        FileNotFoundError: When resuming, if the initial weights are not there, or not whole.
    """

    def __init__(self, weights: Literal["previous", "initial"] = "previous") -> None:
        if weights not in ("previous", "initial"):
            raise ValueError(f'StartingWeights.weights is "{weights}"; it must be "previous" or "initial".')
        self.weights = weights
        self._file = ""  # its name, in the folder of initial weights

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forgets the run of another trainer."""
        if stage == "fit" and trainer.global_step == 0:
            self._file = ""

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Looks for the initial weights of the run that is resumed, before anything is sampled."""
        if self.weights == "previous" or trainer.state.fn != TrainerFn.FITTING:
            return
        file = checkpoint["callbacks"].get(self.state_key, {}).get("file", "")
        if not file:
            raise ValueError(
                'StartingWeights.weights is "initial", but the checkpoint is of a run that did not keep its initial '
                "weights; start anew, without --ckpt_path, or go on as it was, without this callback."
            )
        path = _folder(trainer) / file
        if why := defect(path) if path.exists() else "it is missing":
            raise FileNotFoundError(
                f'StartingWeights.weights is "initial" and the initial weights of this run are {path}, but {why}; copy '
                "it from the folder that the run began in, set trainer.default_root_dir to that folder, or start anew, "
                "without --ckpt_path."
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps the weights of a run that starts anew; all ranks take part."""
        if self.weights == "previous" or self._file or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        self._file = trainer.strategy.broadcast(f"{uuid4().hex[:8]}.ckpt")
        for earlier in list(_folder(trainer).glob("*.ckpt")):
            trainer.strategy.remove_checkpoint(earlier)
        trainer.strategy.barrier()
        trainer.save_checkpoint(_folder(trainer) / self._file, weights_only=True)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Goes back to the initial weights: after sampling, and not where an epoch is resumed in its midst."""
        if self.weights == "initial" and trainer.global_step > 0:  # before the first step they are what there is
            load_weights(pl_module, _folder(trainer) / self._file)

    def state_dict(self) -> dict[str, Any]:
        """Which initial weights a checkpoint goes with."""
        return {"file": self._file} if self._file else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores `state_dict`."""
        self._file = state_dict["file"]


def _folder(trainer: Trainer) -> Path:
    # Not among the checkpoints: a run goes on from the newest of those.
    return Path(trainer.default_root_dir) / "initial"
