"""How close up to 512 replicas come to the speed that was there, whoever is slow, leaves, returns or joins.

    python benchmarks/crew_simulation.py

A simulation: `lit_mstar.cluster.pull` as it is, on a virtual clock (virtual_ray.py), over engines that are arithmetic
(engine_model.py). Nothing here was measured but what the driver spends per response (`--driver`, by scale.py). Each
replica has 88 problems with 16 responses, which is the paper's iteration on 512. In bad weather one machine in 20 is
three times slower, one in 10 leaves at some moment and is back after a minute, one in 10 joins late; whoever comes
needs another minute to load. The ideal is the tokens of all responses at the speed of all engines that are loaded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from types import SimpleNamespace

import numpy as np
from engine_model import Engine, Lengths, drawn_lengths
from virtual_ray import Machine, World

from lit_mstar.cluster.pull import Member, Pull


@dataclass(frozen=True)
class Weather:
    """What may happen to a machine, as probabilities, and how many seconds it costs."""

    slow: float = 0.0  # a third of the speed
    leaves: float = 0.0  # once, at a moment of the ideal time in calm weather
    late: float = 0.0  # there only after up to half of that time
    away: float = 60.0
    start: float = 60.0


BAD = Weather(slow=0.05, leaves=0.1, late=0.1)
WEATHERS = {
    "calm": Weather(),
    "stragglers": replace(Weather(), slow=0.05),
    "deaths": replace(Weather(), leaves=0.1),
    "joins": replace(Weather(), late=0.1),
    "all": BAD,
}


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Args:
        makespan: Seconds.
        ideal: Seconds.
        wasted: Tokens that were decoded for nothing, as a share of all.
        idle: Seconds that the first to be idle waited for the last.
        longest: Seconds of the longest piece.
    """

    makespan: float
    ideal: float
    wasted: float
    idle: float
    longest: float

    @property
    def ratio(self) -> float:
        return self.makespan / self.ideal


def simulate(
    items: Sequence[Lengths],
    replicas: int,
    weather: Weather,
    seed: int = 0,
    engine: Engine | None = None,
    at_once: int = 64,
    driver: float = 0.0,
) -> Outcome:
    """One sampling of all items; `driver` is what the driver spends per response."""
    engine = engine or Engine()
    draw, world = np.random.default_rng(seed), World()
    tokens = sum(map(sum, items))
    machines = [_machine(world, n, engine, weather, draw, tokens / replicas / engine.rate) for n in range(replicas)]
    with world.as_ray():
        members = [Member(machine.name, machine, tries=3) for machine in machines]
        crew = SimpleNamespace(members=members, cluster=SimpleNamespace(tries=3), require_hope=lambda since: None)
        given = 0
        for _, lengths in Pull(crew, None, items, at_once):  # type: ignore[arg-type]
            world.now += driver * len(lengths)
            given += sum(lengths)
    assert given == tokens  # noqa: S101
    ready = [m for m in machines if m.up and m.up[-1][0] <= world.now < m.up[-1][1]]
    return Outcome(
        makespan=world.now,
        ideal=ideal(tokens, [(a, b, engine.rate * m.speed) for m in machines for a, b in m.up]),
        wasted=sum(m.wasted for m in machines) / tokens,
        idle=max(world.now - max(m.idle_since, m.up[-1][0]) for m in ready),
        longest=max(m.longest for m in machines),
    )


def ideal(tokens: float, there: Sequence[tuple[float, float, float]]) -> float:
    """When so many tokens are made at the speed of all that are there: (since, until, tokens per second) each."""
    changes = sorted({moment for since, until, _ in there for moment in (since, until)})
    for begin, end in zip(changes, [*changes[1:], float("inf")], strict=True):
        rate = sum(speed for since, until, speed in there if since <= begin < until)
        if rate and tokens <= rate * (end - begin):
            return begin + tokens / rate
        tokens -= rate * (end - begin) if rate else 0.0
    raise ValueError("There is nobody left.")


def _machine(
    world: World, number: int, engine: Engine, weather: Weather, draw: np.random.Generator, calm: float
) -> Machine:
    slow, leaves, late, when, until = draw.random(5)
    speed = 1 / 3 if slow < weather.slow else 1.0
    machine = Machine(world, f"replica {number}", engine, speed, weather.start)
    comes = calm * until / 2 if number and late < weather.late else 0.0  # somebody is there from the beginning
    if comes:
        world.at(comes, machine.arrive)
    else:
        machine.arrive()
    if leaves < weather.leaves:
        gone = max(calm * when, comes + 1e-6)
        world.at(gone, machine.leave)
        world.at(gone + weather.away, machine.arrive)
    return machine


def row(name: str, replicas: int, order: str, options: argparse.Namespace) -> str:
    """A line of the table: means over some runs, and the largest idle time."""
    found = []
    for seed in range(options.runs if replicas > 64 else 5 * options.runs):
        draw = np.random.default_rng([seed, replicas])
        items, expected = drawn_lengths(options.problems * replicas, 16, draw)
        if order == "longest first":
            items = [items[i] for i in sorted(range(len(items)), key=lambda i: -expected[i])]
        found.append(simulate(items, replicas, WEATHERS[name], seed, at_once=options.at_once, driver=options.driver))
    ratios = sorted(outcome.ratio for outcome in found)
    return (
        f"| {name} | {replicas} | {order} | {fmean(outcome.makespan for outcome in found):.0f} | "
        f"{fmean(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f}) | "
        f"{fmean(outcome.wasted for outcome in found):.1%} | {max(outcome.idle for outcome in found):.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=88, help="of each replica")
    parser.add_argument("--at-once", type=int, default=64, help="problems of a piece, at most")
    parser.add_argument("--driver", type=float, default=1e-4, help="seconds that the driver spends per response")
    parser.add_argument("--runs", type=int, default=2, help="with other random numbers; five times as many up to 64")
    parser.add_argument("--replicas", type=int, nargs="*", default=[1, 8, 64, 512])
    options = parser.parse_args()
    print(f"{vars(options)}, {Engine()}, {BAD}\n")
    print("| weather | replicas | order | seconds | over the ideal | wasted tokens | idle at the end, at most, s |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for replicas in options.replicas:
        for name in ("calm", "all") if replicas < max(options.replicas) else WEATHERS:
            print(row(name, replicas, "longest first", options), flush=True)
    for replicas in options.replicas[-2:]:
        for name in ("calm", "all"):
            print(row(name, replicas, "as given", options), flush=True)


if __name__ == "__main__":
    main()
