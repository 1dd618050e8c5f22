"""Scorers on any number of machines: replicas of one in actors of a Ray cluster."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from lit_mstar.cluster.board import look, publish
from lit_mstar.cluster.connection import require_ray
from lit_mstar.cluster.crew import Cluster, Crew, require_counts
from lit_mstar.cluster.parcels import Images, PackedProblems, unpack
from lit_mstar.cluster.pull import Lost, Pull
from lit_mstar.cluster.worker import Parcel
from lit_mstar.models.backbone import Backbone
from lit_mstar.modules.prm import HEAD_FILE, ProcessRewardModule, saved_aggregation
from lit_mstar.modules.scorer import prm_folder, scorer_of
from lit_mstar.ranks import on_rank_zero, rank
from lit_mstar.rewards.aggregation import Aggregation
from lit_mstar.rollouts.nouns import Rollout
from lit_mstar.samplers.replica import Model
from lit_mstar.scorers.base import Scores, StepScorer

_IMAGES = 10**9  # bytes of images that are kept in the object store, ours


class RayScorer(StepScorer):
    """Scores with replicas of another scorer: `PRMFilter.prm` and whatever else takes a scorer may be one.

    Args:
        scorer: What each replica is, as for `PRMFilter.prm`: the folder of a PRM, which reaches nodes that lack it, a
            YAML file, or any scorer.
        replicas: As for `RaySampler`, and so the others.
        resources_per_replica: What Ray sets aside for each.
        address: The cluster; None is one of this machine alone, the sampler's where that has none either.
        apart: Keep replicas off the trainer's node.
        at_once: Most problems whose responses a replica is given together (ours).
        batch_size: Most responses scored at the same time, of a PRM in a folder (ours).
        runtime_env: What Ray brings to each replica.
        patience: Seconds to wait for a replica where there is none (ours).
        tries: Deaths of replicas after which a problem that was alone in each of them is an error (ours).

    Raises:
        ImportError: If Ray is not installed.
        ValueError: If a setting is out of its range.
    """

    def __init__(
        self,
        scorer: str | StepScorer,
        replicas: int = 1,
        resources_per_replica: Mapping[str, float] | None = None,
        address: str | None = None,
        apart: bool = False,
        at_once: int = 32,
        batch_size: int = 256,
        runtime_env: Mapping[str, Any] | None = None,
        patience: float = 300.0,
        tries: int = 3,
    ) -> None:
        require_ray("RayScorer")
        require_counts("RayScorer", replicas=replicas, at_once=at_once, batch_size=batch_size, tries=tries)
        self.scorer = scorer
        self.at_once = at_once
        self.batch_size = batch_size
        cluster = Cluster(
            address=address,
            resources_per_replica=resources_per_replica,
            apart=apart,
            runtime_env=runtime_env,
            patience=patience,
            tries=tries,
        )
        self._crew = Crew("scorer", cluster, replicas)
        self._images = Images(_IMAGES)

    def check(self) -> None:
        """See `StepScorer.check`; starts nothing, and loads no PRM."""
        self._described.check()

    def place(self, device: torch.device) -> None:
        """Starts the replicas, each on a device of its own; every rank must call it."""
        self._crew.open(self._make_replica)
        on_rank_zero(lambda: self._prepared(ScorerReplica.ready))

    def score(self, rollouts: Sequence[Rollout]) -> Scores:
        """See `StepScorer.score`.

        Raises:
            RuntimeError: If replicas ended, again and again, at one problem alone.
        """
        found: dict[int, list[list[float]]] = {}
        for place, scores in Pull(self._crew, Score(), _packed(self._images, rollouts), self.at_once):
            if isinstance(scores, Lost):
                raise RuntimeError(
                    f"Responses to problem {rollouts[place].problem.id} cannot be scored: {scores.why}; leave it out."
                )
            found[place] = scores
        return [found[place] for place in range(len(rollouts))]

    def rest(self) -> None:
        """Every replica lends its memory."""
        if rank() == 0:
            self._crew.everyone(ScorerReplica.rest, wait=False)

    def close(self) -> None:
        """Ends the replicas."""
        self._crew.close()

    def settings(self) -> str:
        """The scorer's own; what a PRM in a folder says, only one that is loaded can tell."""
        if not isinstance(self.scorer, str):
            return self.scorer.settings()
        self.place(torch.device("cpu"))
        return on_rank_zero(lambda: str(self._prepared(ScorerReplica.settings)))

    @property
    def aggregation(self) -> Aggregation:  # type: ignore[override]
        """The scorer's own."""
        return self._described.aggregation

    @property
    def bounds(self) -> tuple[float, float]:  # type: ignore[override]
        """The scorer's own."""
        return self._described.bounds

    @property
    def threshold(self) -> float:  # type: ignore[override]
        """The scorer's own."""
        return self._described.threshold

    @property
    def _described(self) -> StepScorer:
        """The scorer, or a PRM without its weights."""
        if folder := _folder(self.scorer):
            head = Path(folder) / HEAD_FILE
            return ProcessRewardModule(Backbone(folder), aggregation=saved_aggregation(head))
        return scorer_of(self.scorer)

    def _make_replica(self, namespace: str) -> ScorerReplica:
        folder = _folder(self.scorer)
        if folder:  # it reaches nodes that lack it
            alone = self._crew.cluster.address is None
            publish(self._crew.board, "model", "1", Model.of(Backbone(folder), alone))
        return ScorerReplica(None if folder else scorer_of(self.scorer), self.batch_size, namespace)

    def _prepared(self, work: Any) -> Any:
        """What the first of all replicas says."""
        return self._crew.everyone(work)[0]


class ScorerReplica:
    """A scorer in an actor.

    Args:
        scorer: Not yet used; None for a PRM, whose folder is on the board.
        batch_size: As for `scorer_of`.
        namespace: Of the board.
    """

    def __init__(self, scorer: StepScorer | None, batch_size: int, namespace: str) -> None:
        self.scorer = scorer
        self.batch_size = batch_size
        self.namespace = namespace

    def ready(self) -> None:
        """Loads the scorer, onto the device that Ray has given to the actor."""
        if self.scorer is None:
            _, model = look(self.namespace, "model")
            self.scorer = scorer_of(model.here().path, self.batch_size)
        self.scorer.place(torch.device("cuda" if torch.cuda.is_available() else "cpu"))

    def settings(self) -> str:
        """As `StepScorer.settings`."""
        return self.loaded.settings()

    @property
    def loaded(self) -> StepScorer:
        """The scorer, once it is."""
        if self.scorer is None:
            raise RuntimeError("The scorer was asked before it was loaded.")
        return self.scorer

    def rest(self) -> None:
        """Lends the scorer's memory."""
        if self.scorer is not None:
            self.scorer.rest()


class Score:
    """Scoring as a crew does it; items are packed problems, each with its responses."""

    def __str__(self) -> str:
        return "steps"

    def __call__(
        self, replica: ScorerReplica, items: Sequence[Parcel]
    ) -> Iterator[tuple[int | None, list[list[float]] | None]]:
        """See `Work.__call__`."""
        replica.ready()
        yield None, None
        if not items:
            return
        rollouts = [Rollout(problem=p, responses=responses) for p, responses in zip(*unpack(items), strict=True)]
        yield from enumerate(replica.loaded.score(rollouts))
        if text := replica.loaded.said():
            warnings.warn(text, stacklevel=2)

    def size(self, result: list[list[float]]) -> float:
        """Steps."""
        return sum(map(len, result))


def _packed(images: Images, rollouts: Sequence[Rollout]) -> PackedProblems:
    """Problems, each with its responses."""
    return PackedProblems(images, [x.problem for x in rollouts], [x.responses for x in rollouts])


def _folder(given: str | StepScorer) -> str | None:
    return prm_folder(given) if isinstance(given, str) else None
