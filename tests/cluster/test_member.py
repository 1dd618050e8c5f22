"""One actor, as the driver knows it: which deaths count, and which processes are not used. Real ones: test_ray.py."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lit_mstar.cluster import connection
from lit_mstar.cluster.member import Member, difference
from lit_mstar.cluster.worker import releases


class Ray:
    """What `Member` asks of Ray; whoever is asked about says what was told last."""

    class exceptions:
        RayActorError, RayTaskError = RuntimeError, LookupError

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self.killed: list[Any] = []

    def get(self, ref: Any) -> dict[str, str]:
        return self.said

    def kill(self, handle: Any) -> None:
        self.killed.append(handle)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    made = Ray()
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.setattr(connection, "nodes", lambda: [{"NodeID": "a"}, {"NodeID": "b"}])
    return made


@pytest.fixture
def member(ray: Ray) -> Member:
    about = SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda: "ref"))
    return Member("sampler 1 of 1", SimpleNamespace(about=about), tries=2)


def arrive(ray: Ray, member: Member, process: str, node: str = "a", **other: str) -> None:
    ray.said = releases() | {"process": process, "node": node, "host": node} | other
    member.arrive()


def lose(ray: Ray, member: Member, ready: bool, process: str, node: str = "a") -> None:
    member.lost(RuntimeError("gone"), ready)
    assert not member.alive
    arrive(ray, member, process, node)


def test_processes_that_end_before_they_are_ready_are_given_up(ray: Ray, member: Member):
    arrive(ray, member, "1")
    lose(ray, member, False, "2")
    assert member.alive
    lose(ray, member, False, "3")
    assert (member.gone, member.deaths, member.error, len(ray.killed)) == (True, 2, "gone", 1)


@pytest.mark.parametrize(
    ("ready", "process", "node", "deaths"),
    [
        (True, "2", "a", 2),  # it worked: what it worked on may be to blame
        (False, "1", "a", 1),  # out of reach, and still the same process
        (False, "2", "gone", 2),  # its machine has left
    ],
)
def test_other_losses_are_no_fault_of_the_tools(
    ray: Ray, member: Member, ready: bool, process: str, node: str, deaths: int
):
    arrive(ray, member, "0", node)
    arrive(ray, member, "1", node)
    member.deaths = 1  # whichever came before
    lose(ray, member, ready, process)
    assert member.deaths == deaths
    lose(ray, member, False, "9")
    assert member.alive


def test_another_release_is_not_used_and_that_is_said(ray: Ray, member: Member):
    with pytest.warns(
        UserWarning, match=r"sampler 1 of 1 is not used: node a has torch 0\.1, and the trainer .*; install"
    ):
        arrive(ray, member, "1", torch="0.1")
    assert (member.alive, len(ray.killed)) == (False, 1)
    assert difference({"torch": "1"}, {"torch": "1", "process": "x"}) == ""
    assert "torch (none)" in difference({"torch": "1"}, {})
