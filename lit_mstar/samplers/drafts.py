"""Guesses how a response goes on, from what was sampled before: a problem sampled again is mostly answered alike.

A guess costs no exactness: the model is run over it in one pass, every position draws as it would have without it, and
a guess counts as far as it is what was drawn (speculative decoding, arXiv:2211.17192, with the model as its own
judge). So the same random numbers give the same response, and the distribution stays the policy's.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from lit_mstar.encoding.prompt_memory import Recent

_CONTEXTS = (5, 3, 1)  # tokens that a guess goes by, the longest that is known first; ours, as all numbers here
_BEGIN = (-1,) * max(_CONTEXTS)
_PROBE = 8  # steps after which one token more is guessed than seems to pay, to see whether it does
_LATELY = 50  # over how many steps averages are taken: rows that began together hesitate together
_KEPT = 32  # responses to a problem that are remembered, the latest
_SHARED = 2**17  # contexts that are counted over all problems before counting begins anew: about 50 MB

Counts = dict[tuple[int, ...], dict[int, int]]


class Drafts:
    """What was said so far about each problem, and what followed what over all of them.

    Args:
        longest: Most tokens guessed at a time.
        tokens: How many are remembered, of the problems sampled last (256 MB by default).
    """

    def __init__(self, longest: int, tokens: int = 2**26) -> None:
        self.longest = longest
        self._said = Recent(tokens)  # responses to a problem, as arrays: counts would take a hundred times as much
        self._counts: dict[Hashable, Counts] = {}  # of problems that are being sampled
        self._all: Counts = {}
        self._hits = [0.5] * longest  # the share of rows whose guesses were right up to here, lately
        self._seen = [1] * longest  # over how many steps
        self._steps = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._said

    def remember(self, key: Hashable, responses: Sequence[Sequence[int]]) -> None:
        """Notes responses to a problem, which is sampled no more for now."""
        self._counts.pop(key, None)
        kept = [*(self._said.get(key) or ()), *(np.array(ids, np.int32) for ids in responses)][-_KEPT:]
        self._said.put(key, kept, sum(map(len, kept)))
        if len(self._all) > _SHARED:
            self._all = {}
        for ids in responses[:2]:  # they are alike: two of each problem tell how all of them go
            _count(self._all, ids, _CONTEXTS)

    def length(self, cost: float) -> int:
        """How many tokens are worth guessing, by how many of the guesses were right lately; now and then, one more.

        Args:
            cost: What one more token a row costs, as a share of a step with one.
        """
        gains, sure = [1.0], 1.0
        for k, hits in enumerate(self._hits, 1):
            sure += hits
            gains.append(sure / (1 + k * cost))
        best = max(range(len(gains)), key=lambda k: gains[k])
        self._steps += 1
        return min(self.longest, best + 1) if self._steps % _PROBE == 0 else best

    def guess(
        self, key: Hashable, ids: Sequence[int], length: int, uniforms: NDArray[np.float64] | None = None
    ) -> list[int]:
        """At most so many tokens that are likely to follow the response's ids so far.

        Args:
            key: The problem's.
            ids: Of the response.
            length: How many at most.
            uniforms: The numbers in [0, 1) that the tokens will be drawn with: guesses are drawn from the counts with
                the same ones, by token id as `TokenDraw` does, so where counts are like the policy, they agree also
                where it hesitates. Without any, the most frequent token is guessed.
        """
        if (own := self._counts.get(key)) is None:
            own = self._counts[key] = {}
            for said in self._said.get(key) or ():
                _count(own, said.tolist(), _CONTEXTS[:2])
        context = [*_BEGIN, *ids[-len(_BEGIN) :]][-len(_BEGIN) :]
        found: list[int] = []
        while len(found) < length:
            counts = _follow(own, context, _CONTEXTS[:2]) or _follow(self._all, context, _CONTEXTS)
            if not counts:
                break
            if uniforms is None:
                found.append(max(counts, key=counts.__getitem__))
            else:
                found.append(_drawn(counts, float(uniforms[len(found)])))
            context.append(found[-1])
        return found

    def learn(self, right: Sequence[int], length: int) -> None:
        """Notes how many of `length` guessed tokens were right, of each row."""
        for k in range(length):
            self._seen[k] = min(_LATELY, self._seen[k] + 1)
            share = sum(count > k for count in right) / len(right)
            self._hits[k] += (share - self._hits[k]) / self._seen[k]


def _count(counts: Counts, ids: Sequence[int], sizes: Sequence[int]) -> None:
    line = [*_BEGIN, *ids]
    for size in sizes:
        for end in range(len(_BEGIN), len(line)):
            follow = counts.setdefault(tuple(line[end - size : end]), {})
            follow[line[end]] = follow.get(line[end], 0) + 1


def _drawn(counts: dict[int, int], u: float) -> int:
    """Inverts the counts' distribution function, in the order of tokens."""
    below = u * sum(counts.values())
    for token in sorted(counts):
        below -= counts[token]
        if below < 0:
            break
    return token


def _follow(counts: Counts, context: Sequence[int], sizes: Sequence[int]) -> dict[int, int] | None:
    return next((found for size in sizes if (found := counts.get(tuple(context[-size:])))), None)
