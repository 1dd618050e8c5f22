"""Actors that hold the same tool: made by rank 0, placed and restarted by Ray, known to all ranks."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from lit_mstar.cluster import connection
from lit_mstar.cluster.board import put_up_board
from lit_mstar.cluster.member import Member
from lit_mstar.cluster.worker import Worker
from lit_mstar.ranks import on_rank_zero, rank, ranks

_NO_BARS = "HF_HUB_DISABLE_PROGRESS_BARS"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where replicas run.

    Args:
        address: "auto", "host:6379" or "ray://host:10001"; None starts a cluster of this machine alone, on loopback.
        resources_per_replica: What Ray sets aside for each, such as `{CPU: 4, GPU: 1}`; other names are your own.
        apart: Keep replicas off the trainer's node.
        runtime_env: What Ray brings to each of them: `working_dir`, `pip`, `env_vars`, …
        patience: Seconds to wait for a replica where there is none at all (ours).
        tries: Deaths of replicas that a problem may be to blame for; then it is set aside (ours).

    Raises:
        ValueError: If a value is outside its range.
    """

    address: str | None = None
    resources_per_replica: Mapping[str, float] | None = None
    apart: bool = False
    runtime_env: Mapping[str, Any] | None = None
    patience: float = 300.0
    tries: int = 3

    def __post_init__(self) -> None:
        if any(value < 0 for value in self.wanted.values()):
            raise ValueError(f"resources_per_replica is {dict(self.wanted)}; nothing in it may be negative.")

    @property
    def wanted(self) -> Mapping[str, float]:
        """What a replica asks for."""
        return {"CPU": 1.0} if self.resources_per_replica is None else self.resources_per_replica


class Crew:
    """Replicas of a tool; every rank has one, and all of them the same actors.

    Args:
        name: What they are called, "sampler": "sampler 3 of 8".
        cluster: Where they run.
        replicas: How many, at most: those that there is no room for wait until there is.
    """

    def __init__(self, name: str, cluster: Cluster, replicas: int) -> None:
        self.name = name
        self.cluster = cluster
        self.replicas = replicas
        self.members: list[Member] = []
        self._namespace = ""
        self.board: Any = None  # rank 0's
        self._owned: list[Any] = []  # rank 0's handles: actors live as long as these

    def open(self, make_tool: Callable[[str], Any]) -> None:
        """Starts the actors, once; every rank must call it.

        Args:
            make_tool: Called by rank 0 with the namespace whose board is this crew's; each actor gets a copy.

        Raises:
            ConnectionError: If there is no cluster.
            ValueError: If no node has what a replica asks for.
        """
        if self.members:
            return
        where = on_rank_zero(lambda: self._start(make_tool))
        if rank():
            connection.connect(*where)
        self._namespace = where[1]
        self._find()

    def everyone(self, work: Callable[[Any], Any], wait: bool = True) -> list[Any]:
        """Does one thing with each tool whose actor runs, all at once.

        Args:
            work: Called with the tool, in the actor.
            wait: Wait for an actor where none runs.

        Returns:
            What they say, without those that died.

        Raises:
            ConnectionError, RuntimeError: If there is none; and whatever error the first of them has had.
        """
        import ray

        found: list[Any] = []
        while not found:
            if wait:
                self.await_first()
            asked = {member.handle.once.remote(work): member for member in self.members if member.alive}
            for answer, member in asked.items():
                try:
                    found.append(ray.get(answer))
                except ray.exceptions.RayTaskError as error:
                    raise error.as_instanceof_cause() from None  # type: ignore[no-untyped-call]
                except ray.exceptions.RayActorError as error:
                    member.lost(error, ready=False)
            if not wait:
                break
        return found

    def await_first(self) -> None:
        """Returns when an actor runs.

        Raises:
            ConnectionError: If none does before patience ends, with what is free and what was asked.
        """
        import ray

        since = time.monotonic()
        while not any(member.alive for member in self.members):
            coming = [member.coming for member in self.members if member.coming is not None]
            for answer in ray.wait(coming, timeout=1.0)[0] if coming else ():
                next(member for member in self.members if member.coming == answer).arrive()
            self.require_hope(since)

    def require_hope(self, since: float) -> None:
        """Gives up where no actor is left, or none has come since a moment on the monotonic clock.

        Raises:
            ConnectionError, RuntimeError: With what to do.
        """
        if any(member.alive for member in self.members):
            return
        lost = [member.error for member in self.members if member.gone]
        if len(lost) == len(self.members):
            raise RuntimeError(
                f"All {len(lost)} replicas ({self.name}) have ended for good; the last error: {lost[-1]}"
            )
        if time.monotonic() - since > self.cluster.patience:
            raise ConnectionError(
                f"No replica ({self.name}) in {self.cluster.patience:g} s: {connection.room(self.cluster.wanted)}. "
                "Lower resources_per_replica, add nodes, or wait longer (patience); what was done is kept."
            )

    def close(self) -> None:
        """Ends the actors; a cluster that was started for them may have others, and ends with this process."""
        import ray

        if self._owned and ray.is_initialized():
            for handle in [*self._owned, self.board]:  # a board that is only let go of ends with Ray's stack trace
                ray.kill(handle)
        self.members, self._owned, self.board = [], [], None

    def _start(self, make_tool: Callable[[str], Any]) -> tuple[str, str, dict[str, str]]:
        namespace = f"lit-mstar-{uuid4().hex[:8]}"
        address = connection.connect(self.cluster.address, namespace)
        import ray  # not before: what it listens on is said by then

        wanted = dict(self.cluster.wanted)
        if self.cluster.address is None and not connection.fits(wanted):
            raise ValueError(f"There is no room for {self.name}: {connection.room(wanted)}.")
        self.board = put_up_board(namespace)
        tool = make_tool(namespace)
        actor, options = ray.remote(Worker), self._options(wanted)
        self._owned = [
            actor.options(name=name, namespace=namespace, **options).remote(name, tool) for name in self._names()
        ]
        return address, namespace, connection.settings()

    def _options(self, wanted: dict[str, float]) -> dict[str, Any]:
        """How Ray places an actor and starts it again."""
        options: dict[str, Any] = {"num_cpus": wanted.pop("CPU", 0), "num_gpus": wanted.pop("GPU", 0)}
        options |= {"memory": wanted.pop("memory")} if "memory" in wanted else {}
        if self.cluster.apart:
            options["label_selector"] = {"ray.io/node-id": f"!in({connection.this_node()})"}
        elif self.replicas > 1:
            options["scheduling_strategy"] = "SPREAD"
        return options | {
            "resources": wanted,
            "runtime_env": _with_paths(self.cluster.runtime_env or {}),
            "max_restarts": -1,  # as often as machines go and come; a tool that never starts is given up by `Member`
            "max_concurrency": 2 * ranks() + 2,  # those who wait for results are in nobody's way
        }

    def _find(self) -> None:
        import ray

        handles = [ray.get_actor(name, self._namespace) for name in self._names()]
        tries = self.cluster.tries
        self.members = [Member(name, handle, tries) for name, handle in zip(self._names(), handles, strict=True)]

    def _names(self) -> list[str]:
        return [f"{self.name} {number} of {self.replicas}" for number in range(1, self.replicas + 1)]


def require_counts(who: str, **counts: int) -> None:
    """Refuses settings that must be at least 1.

    Raises:
        ValueError: With the first that is not.
    """
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{who}.{name} is {value}; it must be at least 1.")


def _with_paths(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Ray's `runtime_env`, in which a user's own modules are found as in this process, where they lie alike.

    Progress bars of those who load models would only come between the lines of ours.
    """
    installed = tuple(map(os.path.realpath, (sys.prefix, sys.base_prefix)))
    own = [path for path in map(os.path.abspath, sys.path) if not os.path.realpath(path).startswith(installed)]
    own = [path for path in own if os.path.exists(path)]  # not the names by which editable installs are found
    variables = dict(environment.get("env_vars", {}))
    paths = [path for path in (variables.get("PYTHONPATH"), *dict.fromkeys(own)) if path]
    return {**environment, "env_vars": {_NO_BARS: "1"} | variables | {"PYTHONPATH": os.pathsep.join(paths)}}
