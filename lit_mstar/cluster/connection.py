"""The connection to a Ray cluster: one that exists, or one of this machine alone, which nobody else can reach."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from lit_mstar.files import first_line

# Ray's own switches: it tells nobody of this run, and leaves `print` as it is. The last makes it listen on loopback,
# where a cluster is this machine alone. They are read when Ray is imported or started, so nothing may have before.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TQDM_PATCH_PRINT": "0"}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_AGAIN = 5.0  # seconds after which something is asked for once more, ours


def require_ray(who: str) -> None:
    """Says how to install Ray.

    Raises:
        ImportError: If it is not installed.
    """
    if find_spec("ray") is None:
        raise ImportError(f"{who} needs Ray: pip install 'lit-mstar[ray]', the same release on every node.")


def connect(address: str | None, namespace: str, settings: Mapping[str, str] | None = None) -> str:
    """Connects this process, once; returns the address by which others connect to the same cluster.

    Whoever reaches a Ray cluster can run code on it. One that is started here listens on loopback alone.

    Args:
        address: "auto", "host:6379" or "ray://host:10001"; None starts a cluster of this machine.
        namespace: Where actors' names are known.
        settings: What `settings` said in a process that is connected.

    Raises:
        ConnectionError: If there is no cluster at the address, or one of other releases, or others could reach one of
            this machine alone.
    """
    for name, value in {**_QUIET, **({} if address else _LOOPBACK), **(settings or {})}.items():
        os.environ.setdefault(name, value)
    _require_listener(address)
    import ray

    if not ray.is_initialized():
        try:
            with _own_sigterm():
                ray.init(address=address or "local", namespace=namespace, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:  # Ray has no error of its own for it
            where = f"No Ray cluster answered at {address!r}" if address else "Ray did not start on this machine"
            raise ConnectionError(
                f"{where} ({first_line(error)}). Start one by `ray start --head` and give its address, or leave "
                "address out; both sides must have the same Python and Ray, and RAY_AUTH_MODE=token where it asks for "
                "one."
            ) from error
        if address is None:
            _require_loopback()
    return address if address and address.startswith("ray://") else str(ray.get_runtime_context().gcs_address)


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keeps who handles SIGTERM: Ray's handler ends the process where the trainer's would save first.

    What it was to clean up ends with this process in any case.
    """
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) != before:  # set by Ray: in the main thread alone
            signal.signal(signal.SIGTERM, before)


def _require_loopback() -> None:
    import ray

    found = str(ray.get_runtime_context().gcs_address)
    if not found.startswith("127.0.0.1:"):
        ray.shutdown()
        raise ConnectionError(
            f"Ray listens on {found}, where others reach it: it was imported before this. Set "
            f"{' '.join(map('='.join, _LOOPBACK.items()))} in the environment, or give the address of a cluster."
        )


def settings() -> dict[str, str]:
    """What other processes must set to connect as this one did: Ray turns its token on in the one that starts it."""
    return {name: os.environ[name] for name in (*_QUIET, *_LOOPBACK, "RAY_AUTH_MODE") if name in os.environ}


def nodes() -> list[dict[str, Any]]:
    """The nodes that are alive, as Ray describes them."""
    import ray

    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def this_node() -> str:
    """The id of the node that this process is on; for a `ray://` address, of the one that it talks to."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def fetch(refs: Any) -> Any:
    """What references refer to, in a tool's thread.

    Ray forgets what a thread waits for when the call that it came with ends meanwhile, so it is asked again.
    """
    import ray

    while True:
        try:
            return ray.get(refs, timeout=_AGAIN)
        except ray.exceptions.GetTimeoutError:
            continue


def room(wanted: Mapping[str, float]) -> str:
    """What is free and what the largest node has of some resources, for messages."""
    import ray

    free = ray.available_resources()  # type: ignore[no-untyped-call]
    largest = {name: max((node["Resources"].get(name, 0.0) for node in nodes()), default=0.0) for name in wanted}
    return (
        f"a replica asks for {_shown(wanted)}; free are {_shown({name: free.get(name, 0.0) for name in wanted})} on "
        f"{len(nodes())} nodes, and no node has more than {_shown(largest)}"
    )


def fits(wanted: Mapping[str, float]) -> bool:
    """Whether a node has so much at all, free or not."""
    return any(all(node["Resources"].get(name, 0.0) >= value for name, value in wanted.items()) for node in nodes())


def require_store(needed: int, what: str) -> None:
    """Refuses to put more into the object store than the smallest node's can hold.

    Raises:
        ValueError: With what to do.
    """
    sizes = {node["NodeManagerAddress"]: node["Resources"].get("object_store_memory", 0.0) for node in nodes()}
    host, size = min(sizes.items(), key=lambda item: item[1])
    if needed > size:
        raise ValueError(
            f"{what} have {needed / 1e9:.2g} GB, and Ray's object store on {host} holds {size / 1e9:.2g} GB; start Ray "
            f"there with --object-store-memory {int(1.5 * needed)}, or train an adapter, which is much smaller."
        )


def _require_listener(address: str | None) -> None:
    """Finds out at once that nobody listens, which Ray would tell after minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon:  # "auto", or none
        return
    try:
        socket.create_connection((host, int(port)), timeout=10.0).close()
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"No Ray cluster answered at {address!r} ({error}). Start one by `ray start --head` and give its address, "
            "or leave address out."
        ) from error


def _shown(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{value:g} {name}" for name, value in resources.items()) or "nothing"
