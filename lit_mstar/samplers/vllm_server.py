"""A fleet of vLLM servers: problems go to whichever is least busy, weights to all of them.

Weights go over a file system that servers and trainer share: one safetensors checkpoint per update, or the adapter
alone. What it leaves out: weight transfer over NCCL, and starting servers (`lit-mstar serve`).
"""

from __future__ import annotations

import base64
import io
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch.distributed as dist

from lit_mstar.models.backbone import Backbone
from lit_mstar.models.weights import write, write_adapter
from lit_mstar.rollouts.images import open_image
from lit_mstar.samplers.base import Policy
from lit_mstar.samplers.engine import EngineSampler, require_mergeable
from lit_mstar.samplers.fleet import Fleet
from lit_mstar.samplers.request import Completion, Request
from lit_mstar.samplers.server import RefusedError, Server

T = TypeVar("T")


class VLLMServerSampler(EngineSampler):
    """Samples with servers that get the policy's weights while they run.

    Args:
        urls: Their roots, such as `http://127.0.0.1:8000`; several ranks may share them.
        sync: What an update moves: "merged" weights, or the LoRA "adapter" alone (servers then serve the base model
            and were started with `--lora`).
        sync_dir: Folder for updates that every server can read; a temporary one by default, which serves for servers
            on this machine.
        token_file: File with the bearer token of servers that ask for one.
        outstanding: Most requests at a server at the same time (ours).
        timeout: Seconds to wait for one answer.
        patience: Seconds to go on trying while no server answers at all.
        check: As in `EngineSampler`; every server is checked.
        tolerance: As in `EngineSampler`.

    Raises:
        ValueError: If a setting is out of its range.
    """

    def __init__(
        self,
        urls: Sequence[str],
        sync: Literal["merged", "adapter"] = "merged",
        sync_dir: str | None = None,
        token_file: str | None = None,
        outstanding: int = 32,
        timeout: float = 600.0,
        patience: float = 60.0,
        check: Literal["first", "always", "never"] = "always",
        tolerance: float | None = None,
    ) -> None:
        super().__init__(check, tolerance)
        if not urls or any(not url.startswith(("http://", "https://")) for url in urls):
            raise ValueError(f"VLLMServerSampler.urls is {list(urls)}; it must name at least one http(s):// address.")
        if outstanding < 1:
            raise ValueError(f"VLLMServerSampler.outstanding is {outstanding}; it must be at least 1.")
        token = Path(token_file).read_text().strip() if token_file else None
        self.sync = sync
        self.outstanding = outstanding
        self._fleet = Fleet(urls, token, timeout, patience)
        self._sync_dir = Path(sync_dir) if sync_dir else None
        self._own_dir: Any = None  # a temporary folder, where none was given
        self._sent: Path | None = None
        self._model_name: str | None = None  # as servers know what they are asked for; None is the one they serve

    def close(self) -> None:
        """Closes all connections; the servers go on."""
        self._fleet.close()
        if self._own_dir is not None:
            self._own_dir.cleanup()

    def require_usable(self, backbone: Backbone) -> None:
        """Refuses a quantized base whose weights are to be merged: only its adapter can be sent."""
        require_mergeable(backbone, self.sync, type(self).__name__)

    def _current(self, version: str) -> bool:
        self._fleet.verify()
        return True

    def _update(self, policy: Policy, version: str) -> None:
        folder = Path(on_rank_zero(lambda: str(self._new_folder(version))))
        target = folder if _rank() == 0 else None
        if self.sync == "merged":
            write(policy.model, target)
            if target:
                policy.encoder.processor.save_pretrained(target)
            update = partial(_send_weights, folder=str(folder), version=version)
        else:
            write_adapter(policy.model, target)
            self._model_name = f"policy-{version}"
            update = partial(_send_adapter, folder=str(folder), version=version, name=self._model_name)
        on_rank_zero(lambda: self._fleet.publish(version, update))
        self._fleet.publish(version, update)  # every rank, so that each can bring a restarted server up to date
        if self._sent and self._sent != folder and target:
            shutil.rmtree(self._sent, ignore_errors=True)
        self._sent = folder

    def _new_folder(self, version: str) -> Path:
        if self._sync_dir is None:
            self._own_dir = tempfile.TemporaryDirectory(prefix="lit-mstar-")
            self._sync_dir = Path(self._own_dir.name)
        return (self._sync_dir / f"policy-{version}").absolute()

    def _engines(self) -> Iterator[tuple[str, Callable[[Iterable[Request]], Iterator[tuple[int, Completion]]]]]:
        for index in on_rank_zero(lambda: [self._fleet.servers.index(s) for s in self._fleet.live()]):
            server = self._fleet.servers[index]
            yield f"The server {server.url}", partial(self._complete, server=server)

    def _complete(self, requests: Iterable[Request], server: Server | None = None) -> Iterator[tuple[int, Completion]]:
        room = self.outstanding * len(self._fleet.servers)
        source = enumerate(requests)
        waiting: dict[Future[Completion], int] = {}
        pool = ThreadPoolExecutor(room, thread_name_prefix="lit-mstar-server")
        try:
            while True:
                while len(waiting) < room and (item := next(source, None)):
                    waiting[pool.submit(self._ask, item[1], server)] = item[0]
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, request: Request, server: Server | None) -> Completion:
        body: dict[str, Any] = {"token_ids": request.prompt_ids, "sampling_params": request.params}
        body["return_token_ids"] = "logprobs" in request.params
        if self._model_name:
            body["model"] = self._model_name
        if request.images:
            body["content_parts"] = [{"type": "image_url", "url": _data_url(i)} for i in request.images]
        try:
            answer = self._fleet.ask(body, server)
        except RefusedError as error:
            if "max_num_seqs" in str(error):
                raise ValueError(f"{error} Lower SamplingParams.n, or start the server with more.") from error
            return Completion(refused=f"{error} (set --max-model-len or --max-images of `lit-mstar serve`)")
        choices = sorted(answer["choices"], key=lambda choice: choice["index"])
        return Completion(
            token_ids=[choice["token_ids"] for choice in choices],
            prompt_ids=answer["prompt_token_ids"] or [],
            logprobs=[[t["logprob"] for t in (c["logprobs"] or {}).get("content") or []] for c in choices],
        )


def on_rank_zero(action: Callable[[], T]) -> T:
    """Runs `action` on rank zero; every rank gets its value, or raises if it failed there."""
    if not (dist.is_available() and dist.is_initialized()):
        return action()
    said: list[Any] = [None, ""]
    if dist.get_rank() == 0:
        try:
            said[0] = action()
        except Exception as error:
            said[1] = f"{type(error).__name__}: {error}"
    dist.broadcast_object_list(said)
    if said[1]:
        raise RuntimeError(said[1])
    return said[0]  # type: ignore[no-any-return]


def _rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def _send_weights(server: Server, folder: str, version: str) -> None:
    with_weights = {"method": "reload_weights", "kwargs": {"weights_path": folder}}
    server.call("/pause", {}, mode="wait")
    try:
        server.call("/update_weight_version", {"new_version": "updating"})  # should it fail half-way
        server.call("/collective_rpc", with_weights)
        # Whatever was computed with the old weights must go: keys and values, and embeddings of images.
        for path in ("/reset_prefix_cache", "/reset_encoder_cache", "/reset_mm_cache"):
            server.call(path, {})
        server.call("/update_weight_version", {"new_version": version})
    finally:
        server.call("/resume", {})


def _send_adapter(server: Server, folder: str, version: str, name: str) -> None:
    served = {model["id"] for model in server.call("/v1/models", method="GET")["data"]}
    for old in served - {name}:
        if old.startswith("policy-"):
            server.call("/v1/unload_lora_adapter", {"lora_name": old})
    if name not in served:  # its name tells its weights: one that is there is right, and may be answering just now
        # In place: another rank may be bringing the same one.
        server.call("/v1/load_lora_adapter", {"lora_name": name, "lora_path": folder, "load_inplace": True})
    server.call("/update_weight_version", {"new_version": version})


def _data_url(image: str | bytes) -> str:
    buffer = io.BytesIO()
    open_image(image).save(buffer, format="PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
