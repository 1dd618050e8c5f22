"""An actor as the driver knows it: whether it runs, which process it is, how often it has died."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from lit_mstar.cluster import connection
from lit_mstar.cluster.worker import releases


class Member:
    """An actor, whichever process it is at the moment.

    Args:
        name: As the dashboard shows it.
        handle: Ray's.
        tries: So many processes in a row may end before the tool is ready, with their machines still there.
    """

    def __init__(self, name: str, handle: Any, tries: int) -> None:
        self.name = name
        self.handle = handle
        self.tries = tries
        self.node = ""
        self.deaths = 0
        self.error = ""
        self.gone = False  # for good
        self.coming: Any = self._come()  # until it runs, or runs again
        self._process = ""
        self._unready = False  # whether it was lost before its tool was ready
        self._barren = 0

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self.coming is None and not self.gone

    def arrive(self) -> None:
        """Notes that it runs; where it has other releases than this process, it is not used, and that is said."""
        import ray

        try:
            about = ray.get(self.coming)
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None  # type: ignore[no-untyped-call]
        except ray.exceptions.RayActorError as error:  # it will not come back
            self.gone, self.error = True, str(error)
            return
        finally:
            self.coming = None
        self._settle(about["process"])
        self.node = about["node"]
        if other := difference(releases(), about):
            self.error = other
            warnings.warn(f"{self.name} is not used: {other}", stacklevel=2)
        if other or self._barren >= self.tries:
            self._give_up()

    def lost(self, error: Exception, ready: bool) -> None:
        """Notes that it could not be asked; where its process has ended, Ray starts another, where there is room.

        Args:
            error: Ray's.
            ready: Whether its tool was.
        """
        self.deaths += 1
        self.error, self._unready = str(error), not ready
        self.coming = self._come()

    def machine_left(self) -> bool:
        """Whether the node that it was on is gone, as far as Ray knows by now."""
        return self.node not in {node["NodeID"] for node in connection.nodes()}

    def _settle(self, process: str) -> None:
        """Counts a death, now that it shows whether it was one: a machine that leaves is no fault of the tool's."""
        if process == self._process:  # it was only out of reach
            self.deaths -= 1
        elif not self._unready:
            self._barren = 0
        elif not self.machine_left():
            self._barren += 1
        self._process, self._unready = process, False

    def _come(self) -> Any:
        return self.handle.about.options(max_task_retries=-1).remote()

    def _give_up(self) -> None:
        import ray

        self.gone = True
        ray.kill(self.handle)


def difference(mine: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """What a node has other releases of than this process: what it computes may be something else. Empty if nothing."""
    for name, release in mine.items():
        if theirs.get(name) != release:
            return (
                f"node {theirs.get('host', '?')} has {name} {theirs.get(name, '(none)')}, and the trainer {release}; "
                "install the same everywhere, or name it in runtime_env."
            )
    return ""
