"""Where actors find what they must have: an actor that holds references, and so keeps what they refer to."""

from __future__ import annotations

from typing import Any

from lit_mstar.cluster.connection import fetch, this_node

_NAME = "board"


class Board:
    """What is current, under a name and a version; it runs in an actor."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Any]] = {}

    def publish(self, name: str, version: str, content: Any) -> None:
        """Puts up something in place of what was there."""
        self._kept[name] = version, content

    def look(self, name: str) -> tuple[str, Any]:
        """The version and the content; an empty version where nothing was put up."""
        return self._kept.get(name, ("", None))


def put_up_board(namespace: str) -> Any:
    """A board beside the driver, whose end is its own; it lasts as long as what this returns."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Hard: of what needs no CPU, a wish alone is disregarded.
    here = NodeAffinitySchedulingStrategy(this_node(), soft=False)
    options = {"num_cpus": 0, "scheduling_strategy": here, "max_concurrency": 64}
    return ray.remote(Board).options(name=_NAME, namespace=namespace, **options).remote()


def publish(board: Any, name: str, version: str, content: Any) -> None:
    """Puts up something and waits until it is there."""
    import ray

    ray.get(board.publish.remote(name, version, content))


def look(namespace: str, name: str) -> tuple[str, Any]:
    """See `Board.look`; called in actors, which find the board by where names are known."""
    import ray

    board: Any = ray.get_actor(_NAME, namespace)
    found: Any = fetch(board.look.remote(name))
    return tuple(found)
