"""The policy: a vision-language model trained on responses, and the engine that samples from it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP1

from lit_mstar.encoding.encoder import Batch
from lit_mstar.encoding.prompt_cache import inference
from lit_mstar.encoding.shared_rows import collate_shared
from lit_mstar.encoding.sharing import can_share
from lit_mstar.models.backbone import Backbone
from lit_mstar.models.sharding import Sharding
from lit_mstar.models.weights import digest
from lit_mstar.modules.base import BackboneModule
from lit_mstar.modules.likelihood import ResponseLikelihood
from lit_mstar.modules.schedules import WarmupConstant
from lit_mstar.modules.tested import write_tested
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.reasoning.grader import Grader
from lit_mstar.reasoning.marking import Marker
from lit_mstar.rewards.metrics import GreedyAccuracy
from lit_mstar.rollouts.nouns import Problem, Response, Rollout, SamplingParams
from lit_mstar.samplers import Sampler, TransformersSampler


class PolicyModule(BackboneModule):
    """Learns by the negative log-likelihood of response tokens; validates by greedy accuracy.

    Args:
        backbone: The model and its processor.
        sampler: The engine that draws responses; the embedded one by default.
        evaluation: How responses are drawn for validation, test and predict; greedy whatever it says of
            number and temperature.
        reasoning: How steps and answers are written in a response.
        grader: Who says which answers are right; `RuleGrader` by default.
        optimizer: Any torch optimizer; the paper's constant rate 1e-6 by default.
        lr_scheduler: Any torch schedule, stepped once per optimizer step; linear warmup, then constant.
        sharding: How the model is divided over ranks under FSDP2.
    """

    def __init__(
        self,
        backbone: Backbone,
        sampler: Sampler | None = None,
        evaluation: SamplingParams = SamplingParams(),
        reasoning: ReasoningFormat = ReasoningFormat(),
        grader: Grader | None = None,
        optimizer: OptimizerCallable = lambda params: torch.optim.AdamW(params, lr=1e-6),
        lr_scheduler: LRSchedulerCallable = lambda optimizer: WarmupConstant(optimizer),
        sharding: Sharding = Sharding(),
    ) -> None:
        super().__init__(backbone, optimizer, lr_scheduler, sharding)
        self.sampler = sampler or TransformersSampler()
        self.evaluation = evaluation.greedy()
        self.marker = Marker(reasoning, grader)
        self.likelihood = ResponseLikelihood()
        self._shares: bool | None = None  # whether responses can share rows, once it is known
        self.val_accuracy = GreedyAccuracy()
        self.test_accuracy = GreedyAccuracy()
        self._tested: list[Rollout] = []

    def setup(self, stage: str) -> None:
        """Refuses a missing model folder, or one that the sampler cannot take, before anything is loaded."""
        super().setup(stage)
        self.sampler.require_usable(self.backbone)

    def configure_model(self) -> None:
        """Loads the model, once."""
        if self.model is None:
            self.load()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The summed negative log-likelihood; `on_before_optimizer_step` divides by the number of tokens."""
        return self.count(*self.likelihood(self.model, batch))

    def shares_prompts(self) -> bool:
        """Whether responses to one problem can share a row (`encoding.shared_rows`); found out once, by all ranks.

        Not under FSDP1, whose units do not compute before training has begun.
        """
        if self._shares is None:
            if any(isinstance(module, FSDP1) for module in self.model.modules()):
                return False
            with inference(self.model):
                self._shares = can_share(self._compare, self.encoder, self.model.dtype, "policy")  # type: ignore[arg-type]
        return self._shares

    def _compare(self, problems: Sequence[Problem]) -> tuple[Tensor, Tensor]:
        """Losses (K,) of two responses to each problem, in a row with the other and in one of their own."""
        chains = [self.encoder.response_ids(text) for text in ("Step 1: 3 + 4 = 7.\nAnswer: 7", "Answer: 11")]
        shared = collate_shared(self.encoder, problems, [chains for _ in problems])
        whole = self.encoder.collate([p for p in problems for _ in chains], [ids for _ in problems for ids in chains])
        return self.likelihood.losses(self.model, shared), self.likelihood.losses(self.model, whole)

    def on_train_epoch_start(self) -> None:
        """Sampling gives way to training; what the engine says of itself is logged."""
        self.sampler.rest()
        self.log_dict({f"sampler/{name}": value for name, value in self.sampler.metrics().items()})

    def on_validation_epoch_end(self) -> None:
        """Sampling gives way to training; engines that ranks share rest when the last rank has done."""
        if self.sampler.central:
            self.trainer.strategy.barrier()
        self.sampler.rest()

    def on_train_epoch_end(self) -> None:
        """Ends the iteration where data evolve: after callbacks' epoch end, before checkpoints are saved."""
        end_iteration = getattr(self.trainer.datamodule, "end_iteration", None)  # type: ignore[attr-defined]
        if end_iteration is not None:
            end_iteration()

    def on_validation_epoch_start(self) -> None:
        """Brings the current weights into the sampler."""
        self.sampler.load_policy(self)

    on_test_epoch_start = on_predict_epoch_start = on_validation_epoch_start

    def validation_step(self, batch: Collection[Problem | None], batch_idx: int) -> None:
        """Greedy accuracy on problems with answers; None fills up where ranks share them and counts for nothing."""
        self.val_accuracy.update(_correct(self._greedy(batch)))
        self.log("val/accuracy", self.val_accuracy, prog_bar=True, batch_size=len(batch))

    def test_step(self, batch: Collection[Problem | None], batch_idx: int) -> None:
        """As validation; what was answered is kept."""
        rollouts = self._greedy(batch)
        self._tested += rollouts
        self.test_accuracy.update(_correct(rollouts))
        self.log("test/accuracy", self.test_accuracy, batch_size=len(batch))

    def on_test_epoch_end(self) -> None:
        """Writes `tested.parquet`."""
        write_tested(self.trainer, self._tested)
        self._tested = []

    def predict_step(self, batch: Iterable[Problem], batch_idx: int, dataloader_idx: int = 0) -> list[Response]:
        """One greedy response per problem, marked."""
        return [rollout.responses[0] for rollout in self._greedy(batch)]

    def fingerprint(self) -> str:
        """A digest of the trainable weights and of the backbone's path: equal digests, equal responses."""
        key = repr((self.backbone.path, digest(self)))  # frozen weights are told by where they came from
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    def save(self, folder: Path | None) -> None:
        """Writes a Hugging Face folder (a PEFT adapter where LoRA is on); without a folder it only takes part.

        Where weights are sharded, all ranks must call it, one of them with a folder.
        """
        self.backbone.save(self.model, folder)

    def _greedy(self, batch: Iterable[Problem | None]) -> list[Rollout]:
        """One response per problem, marked."""
        problems = [problem for problem in batch if problem is not None]
        rollouts = dict(self.sampler.sample(problems, self.evaluation))
        return [self.marker.mark(rollouts[i]) for i in range(len(problems))]


def _correct(rollouts: Iterable[Rollout]) -> Tensor:
    return torch.tensor([rollout.responses[0].correct is True for rollout in rollouts], dtype=torch.bool)
