"""An engine in an actor: with a policy of its own, whose weights are those that the trainer last put up."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from lit_mstar.cluster.board import look
from lit_mstar.cluster.parcels import get_tensors, place_folder, put_folder, unpack
from lit_mstar.cluster.worker import Parcel
from lit_mstar.encoding.encoder import Encoder
from lit_mstar.models.backbone import Backbone
from lit_mstar.rollouts.nouns import Problem, Response, SamplingParams
from lit_mstar.samplers.base import Sampler
from lit_mstar.samplers.engine import EngineSampler


@dataclass(frozen=True)
class Model:
    """A policy's model as it travels: what it is made from, without what this process has made of it.

    Args:
        backbone: With the path that the driver has.
        folders: Files of local folders, of an adapter's base before its own, by path (`parcels.put_folder`).
    """

    backbone: Backbone
    folders: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, backbone: Backbone, alone: bool) -> Model:
        """Puts a backbone's local folders into the object store, unless all replicas see them; asks for no weights."""
        bare = copy.copy(backbone)
        for name in ("config", "processor", "encoder"):
            if backbone.path:  # made anew from the folder; a model without one is what these say
                vars(bare).pop(name, None)
        origin = backbone.origin if backbone.path and not alone else None
        paths = [path for path in (origin.base, origin.path) if Path(path).is_dir()] if origin else []
        return cls(bare, {path: put_folder(Path(path)) for path in dict.fromkeys(paths)})

    def here(self) -> Backbone:
        """The backbone, with its folders where this node has them."""
        places: dict[str, str] = {}
        for path, files in self.folders.items():
            places[path] = place_folder(path, files, places)
        backbone = copy.copy(self.backbone)
        backbone.path = places.get(backbone.path, backbone.path)
        return backbone


class Replica:
    """An engine and the policy that it samples from; itself what a `Policy` is.

    Args:
        engine: Any sampler, not yet used.
        namespace: Of a board that has "model", a `Model`, and "weights", references by `parcels.put_tensors`.
    """

    def __init__(self, engine: Sampler, namespace: str) -> None:
        self.engine = engine
        self.namespace = namespace
        self.model: nn.Module = None  # type: ignore[assignment]  # made when it is first needed
        self.backbone: Backbone = None  # type: ignore[assignment]
        self._made = ""  # from which model on the board
        self._version = ""
        self._resting = False

    @property
    def encoder(self) -> Encoder:
        """Turns problems into the model's tensors."""
        return self.backbone.encoder

    def at(self, version: str) -> Sampler:
        """The engine with these weights.

        Raises:
            RuntimeError: If others are on the board.
        """
        if version == self._version and not self._resting:
            return self.engine
        self._make()
        if version != self._version:
            self._version = ""  # until all has gone well
            self._take(version)
        self.model.to(self._device)
        self.engine.load_policy(self)
        self._version, self._resting = version, False
        return self.engine

    def rest(self) -> None:
        """Lends memory to training until weights are asked for again."""
        self.engine.rest()
        if self.model is not None:
            self.model.to("cpu")
        self._resting = True

    @property
    def _device(self) -> str:
        """Not the accelerator where the engine needs it for its own copy of the weights."""
        return "cuda" if torch.cuda.is_available() and not isinstance(self.engine, EngineSampler) else "cpu"

    def _make(self) -> None:
        version, model = look(self.namespace, "model")
        if version != self._made:
            self.backbone = model.here()
            self.model = self.backbone.load_model()
            self.model.train(False)
            self._made, self._version = version, ""

    @torch.no_grad()
    def _take(self, version: str) -> None:
        found, weights = look(self.namespace, "weights")
        if found != version:
            raise RuntimeError(f"Weights {version} were asked for, and the trainer has put up {found or 'none'}.")
        ours = dict(self.model.named_parameters(remove_duplicate=False))
        for name, tensor in get_tensors(weights):
            ours[name].copy_(tensor)


@dataclass(frozen=True)
class Prepare:
    """Brings weights into a replica's engine; returns how far it drifts."""

    version: str

    def __call__(self, replica: Replica) -> float | None:
        """Called in the actor."""
        return replica.at(self.version).drift


@dataclass(frozen=True)
class EngineWork:
    """What a crew does with replicas' engines.

    Args:
        version: Of the weights.
        do: Called with the engine, problems and prefixes; yields (position, result).
        unit: What `size` counts: tokens of lists of responses, or results.
    """

    version: str
    do: Callable[[Sampler, list[Problem], list[Any]], Iterable[tuple[int, Any]]]
    unit: Literal["tokens", "problems"]

    def __str__(self) -> str:
        return f"{self.unit}, weights {self.version[:8]}"

    def __call__(self, replica: Replica, items: Sequence[Parcel]) -> Iterator[tuple[int | None, Any]]:
        """See `Work.__call__`."""
        engine = replica.at(self.version)
        yield None, None
        if items:
            yield from self.do(engine, *unpack(items))

    def size(self, result: Any) -> float:
        """See `Work.size`."""
        return sum(len(response.token_ids) for response in result) if self.unit == "tokens" else 1


def draw(
    engine: Sampler, problems: list[Problem], prefixes: list[str | None], sampling: SamplingParams
) -> Iterator[tuple[int, list[Response]]]:
    """Responses alone: whoever asked has the problems."""
    for place, rollout in engine.sample(problems, sampling, [prefix or "" for prefix in prefixes]):
        yield place, rollout.responses
