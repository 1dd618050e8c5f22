"""vLLM servers that others run: problems are dealt to them evenly, weights go to all of them.

Weights go over a file system that servers and trainer share: one safetensors checkpoint per update, or the adapter
alone. What it leaves out: starting servers (`lit-mstar serve`), and those that come and go (`RaySampler`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lit_mstar.models.backbone import Backbone
from lit_mstar.models.weights import write, write_adapter
from lit_mstar.ranks import on_rank_zero, rank
from lit_mstar.samplers.base import Policy
from lit_mstar.samplers.engine import EngineSampler, require_mergeable
from lit_mstar.samplers.request import Completion, Request
from lit_mstar.samplers.server import RefusedError, Server, data_url


class VLLMServerSampler(EngineSampler):
    """Samples with servers that get the policy's weights while they run.

    A server that is gone ends the run, and so does an answer that comes from other weights than the policy's (it was
    restarted, or is somebody else's as well): what was sampled is kept, and the next run, or iteration, brings the
    weights to every server before it asks.

    Args:
        urls: Their roots, such as `http://127.0.0.1:8000`; several ranks may share them.
        sync: What an update moves: "merged" weights, or the LoRA "adapter" alone (servers then serve the base model
            and were started with `--lora`).
        sync_dir: Folder for updates that every server can read; a temporary one by default, which serves for servers
            on this machine.
        token_file: File with the bearer token of servers that ask for one.
        outstanding: Most requests of a rank at a server at the same time (ours).
        timeout: Seconds to wait for one answer.
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
        self._servers = [Server(url, token, timeout) for url in urls]
        self._sync_dir = Path(sync_dir) if sync_dir else None
        self._own_dir: Any = None  # a temporary folder, where none was given
        self._sent: Path | None = None

    def close(self) -> None:
        """Closes all connections; the servers go on."""
        for server in self._servers:
            server.close()
        if self._own_dir is not None:
            self._own_dir.cleanup()

    def require_usable(self, backbone: Backbone) -> None:
        """Refuses a quantized base whose weights are to be merged: only its adapter can be sent."""
        require_mergeable(backbone, self.sync, type(self).__name__)

    def _current(self, version: str) -> bool:
        return on_rank_zero(lambda: all(server.version() == version for server in self._servers))

    def _update(self, policy: Policy, version: str) -> None:
        folder = Path(on_rank_zero(lambda: str(self._new_folder(version))))
        target = folder if rank() == 0 else None
        if self.sync == "adapter":
            write_adapter(policy.model, target)
        else:
            write(policy.model, target)
            if target:
                policy.encoder.processor.save_pretrained(target)
        on_rank_zero(lambda: self._send(folder, version))
        if self._sent and self._sent != folder and target:
            shutil.rmtree(self._sent, ignore_errors=True)
        self._sent = folder

    def _send(self, folder: Path, version: str) -> None:
        load = Server.load_adapter if self.sync == "adapter" else Server.load_weights
        for server in self._servers:
            load(server, folder, version)

    def _new_folder(self, version: str) -> Path:
        if self._sync_dir is None:
            self._own_dir = tempfile.TemporaryDirectory(prefix="lit-mstar-")
            self._sync_dir = Path(self._own_dir.name)
        return (self._sync_dir / f"policy-{version}").absolute()

    def _engines(self) -> Iterator[tuple[str, Callable[[Iterable[Request]], Iterator[tuple[int, Completion]]]]]:
        for server in self._servers:
            yield f"The server {server.url}", partial(self._complete, servers=[server])

    def _complete(
        self, requests: Iterable[Request], servers: Sequence[Server] | None = None
    ) -> Iterator[tuple[int, Completion]]:
        source = enumerate(requests)
        free = deque([*(servers or self._servers)] * self.outstanding)  # a server once for each request it may get
        waiting: dict[Future[Completion], tuple[int, Server]] = {}
        pool = ThreadPoolExecutor(len(free), thread_name_prefix="lit-mstar-server")
        try:
            while True:
                while free and (item := next(source, None)):
                    server = free.popleft()
                    waiting[pool.submit(self._ask, item[1], server)] = item[0], server
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    position, server = waiting.pop(future)
                    free.append(server)
                    yield position, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, request: Request, server: Server) -> Completion:
        body: dict[str, Any] = {"token_ids": request.prompt_ids, "sampling_params": request.params}
        body["return_token_ids"] = "logprobs" in request.params
        if self.sync == "adapter":
            body["model"] = f"policy-{self._version}"
        if request.images:
            body["content_parts"] = [{"type": "image_url", "url": data_url(i)} for i in request.images]
        try:
            answer = server.call("/inference/v1/generate", body)
        except RefusedError as error:
            if "max_num_seqs" in str(error):
                raise ValueError(f"{error} Lower SamplingParams.n, or start the server with more.") from error
            return Completion(refused=f"{error} Set --max-model-len or --max-images of `lit-mstar serve`.")
        choices = sorted(answer["choices"], key=lambda choice: choice["index"])
        self._require_ours(choices, server)
        return Completion(
            token_ids=[choice["token_ids"] for choice in choices],
            prompt_ids=answer["prompt_token_ids"] or [],
            logprobs=[[t["logprob"] for t in (c["logprobs"] or {}).get("content") or []] for c in choices],
        )

    def _require_ours(self, choices: list[dict[str, Any]], server: Server) -> None:
        versions = {span["version"] for choice in choices for span in choice["weight_versions"] or []}
        if others := versions - {self._version}:
            raise RuntimeError(
                f"{server.url} answered with other weights than the policy's ({', '.join(others)}): it was restarted, "
                "or somebody else uses it too. What was sampled is kept: give each run servers of its own, and run the "
                "same again."
            )
