"""Engines on any number of machines: Ray places and restarts them, whoever is free takes the next problems."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

from lit_mstar.cluster import connection
from lit_mstar.cluster.board import publish
from lit_mstar.cluster.crew import Cluster, Crew, require_counts
from lit_mstar.cluster.parcels import Images, PackedProblems, put_tensors
from lit_mstar.cluster.pull import Lost, Pull
from lit_mstar.models.backbone import Backbone
from lit_mstar.models.weights import digest, whole_parameters
from lit_mstar.ranks import on_rank_zero, rank
from lit_mstar.rollouts.nouns import Problem, Response, Rollout, SamplingParams
from lit_mstar.samplers.base import Policy, Sampler
from lit_mstar.samplers.replica import EngineWork, Model, Prepare, Replica, draw

T = TypeVar("T")


class RaySampler(Sampler):
    """Samples with replicas of another engine, in actors of a Ray cluster.

    Replicas come and go: one that dies costs what it had not finished, one that finds room takes part at once. A
    problem that ends processes, alone in one again and again, gets empty responses, and is reported.

    Args:
        engine: What each replica is: any other sampler.
        replicas: How many, at most; those that there is no room for wait until there is.
        resources_per_replica: What Ray sets aside for each: `{CPU: 1}` by default, `{GPU: 1}`, `{GPU: 4}` for an engine
            with `tensor_parallel_size: 4`, and names that you gave with `ray start --resources`.
        address: "auto" on a node of a cluster, "host:6379", or "ray://host:10001"; None starts a cluster of this
            machine alone, which listens on loopback. Whoever reaches a Ray cluster can run code on it.
        apart: Keep replicas off the trainer's node; otherwise they may share its devices (then `sleep_level: 2`).
        at_once: Most problems that are given to a replica together (ours).
        image_memory: Megabytes of images that are kept in the object store for problems that are asked again (ours).
        runtime_env: What Ray brings to each replica: `working_dir`, `pip`, `env_vars`, …
        patience: Seconds to wait for a replica where there is none (ours).
        tries: Deaths of replicas after which a problem that was alone in each of them is set aside (ours).

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If a setting is out of its range.
    """

    @property
    def central(self) -> bool:
        """One driver feeds all replicas."""
        return True

    def __init__(
        self,
        engine: Sampler,
        replicas: int = 1,
        resources_per_replica: Mapping[str, float] | None = None,
        address: str | None = None,
        apart: bool = False,
        at_once: int = 64,
        image_memory: int = 2000,
        runtime_env: Mapping[str, Any] | None = None,
        patience: float = 300.0,
        tries: int = 3,
    ) -> None:
        connection.require_ray("RaySampler")
        require_counts("RaySampler", replicas=replicas, at_once=at_once, tries=tries)
        if isinstance(engine, RaySampler):
            raise ValueError("RaySampler.engine is a RaySampler; it must be what each replica is.")
        self.engine = engine
        self.at_once = at_once
        cluster = Cluster(
            address=address,
            resources_per_replica=resources_per_replica,
            apart=apart,
            runtime_env=runtime_env,
            patience=patience,
            tries=tries,
        )
        self._crew = Crew("sampler", cluster, replicas)
        self._images = Images(image_memory * 10**6)
        self._model: Any = None  # whose weights the replicas have
        self._models = 0  # so many there were
        self._version = ""
        self._sampled = (0, 0.0)  # tokens and seconds since the weights came
        self._aside = 0  # problems

    def require_usable(self, backbone: Backbone) -> None:
        """As the engine's."""
        self.engine.require_usable(backbone)

    def load_policy(self, policy: Policy) -> None:
        """Puts the weights that are trained into the object store; replicas that run take them now, others later.

        All ranks must call it.

        Raises:
            ConnectionError, ValueError: If there is no cluster, no room in it, or in its object store.
        """
        self._crew.open(partial(Replica, self.engine))
        self._models += policy.model is not self._model
        version = f"{self._models}-{digest(policy.model)}"
        if version != self._version:
            self._version = ""  # until all has gone well
            self._publish(policy, version)
            self._version = version
        self.drift = on_rank_zero(self._prepared)
        self._sampled = (0, 0.0)

    def sample(
        self, problems: Sequence[Problem], sampling: SamplingParams, prefixes: Sequence[str] | None = None
    ) -> Iterator[tuple[int, Rollout]]:
        """See `Sampler.sample`."""
        if prefixes is not None and len(prefixes) != len(problems):
            raise ValueError(f"There are {len(problems)} problems and {len(prefixes)} prefixes.")
        since = time.monotonic()
        for place, found in self._run(partial(draw, sampling=sampling), "tokens", problems, prefixes):
            if isinstance(found, Lost):
                found = [_unanswered(sampling) for _ in range(sampling.n)]
            rollout = Rollout(problem=problems[place], responses=found)
            now = time.monotonic()
            tokens, seconds = self._sampled
            self._sampled = tokens + sum(len(response.token_ids) for response in found), seconds + now - since
            since = now
            yield place, rollout

    def map(
        self, work: Callable[[Sampler, Sequence[Problem]], Iterable[tuple[int, T]]], problems: Sequence[Problem]
    ) -> Iterator[tuple[int, T]]:
        """See `Sampler.map`; the work is done in the replicas, and what is set aside has no result."""
        for place, found in self._run(partial(_on_problems, work=work), "problems", problems):
            if not isinstance(found, Lost):
                yield place, found

    def metrics(self) -> dict[str, float]:
        """Beside the engine's own drift: replicas that run, their deaths, tokens per second, problems set aside."""
        tokens, seconds = self._sampled
        members = self._crew.members
        return super().metrics() | {
            "replicas": sum(member.alive for member in members),
            "deaths": sum(member.deaths for member in members),
            "set_aside": self._aside,
            "tokens_per_second": tokens / seconds if seconds else 0.0,
        }

    def rest(self) -> None:
        """Every engine lends its memory."""
        if self._version and rank() == 0:
            self._crew.everyone(Replica.rest, wait=False)

    def close(self) -> None:
        """Ends the replicas; a cluster that was started for them ends with this process."""
        self._crew.close()
        self._version = ""

    def _publish(self, policy: Any, version: str) -> None:
        """All ranks gather, rank 0 puts up."""
        new = policy.model is not self._model
        backbone: Backbone = policy.backbone
        weights = whole_parameters(policy.model, frozen=not backbone.path)  # frozen ones are where they came from
        size = sum(p.nbytes for p in policy.model.parameters() if p.requires_grad or not backbone.path)
        on_rank_zero(lambda: connection.require_store(size, "The policy's weights"))  # before all gather
        if rank():
            deque(weights, maxlen=0)
        else:
            refs = put_tensors(weights)
            if new:
                model = Model.of(backbone, alone=self._crew.cluster.address is None)
                publish(self._crew.board, "model", version, model)
            publish(self._crew.board, "weights", version, refs)
        self._model = policy.model

    def _prepared(self) -> float | None:
        """How far the replicas that run drift, with the weights."""
        drifts = self._crew.everyone(Prepare(self._version))
        return max((drift for drift in drifts if drift is not None), default=None)

    def _run(
        self, do: Any, unit: Literal["tokens", "problems"], problems: Sequence[Problem], prefixes: Any = None
    ) -> Iterator[tuple[int, Any]]:
        if not self._version:
            raise RuntimeError("sample() was called before load_policy(): the engine has no weights yet.")
        packed = PackedProblems(self._images, problems, prefixes)
        aside: list[tuple[str, str]] = []
        for place, found in Pull(self._crew, EngineWork(self._version, do, unit), packed, self.at_once):
            if isinstance(found, Lost):
                aside.append((problems[place].id, found.why))
            yield place, found
        if aside:
            self._aside += len(aside)
            warnings.warn(
                f"{len(aside)} of {len(problems)} problems were set aside and count as not answered: "
                f"{', '.join(name for name, _ in aside[:10])}. Of the first, {aside[0][1]}; look at the engine's own "
                "messages.",
                stacklevel=2,
            )


def _on_problems(engine: Sampler, problems: list[Problem], prefixes: list[str], work: Any) -> Any:
    return work(engine, problems)


def _unanswered(sampling: SamplingParams) -> Response:
    """What stands for a response to a problem that nobody could answer, as where an engine refuses it."""
    return Response(text="", finish_reason="length", temperature=sampling.temperature)
