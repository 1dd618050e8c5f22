"""Do two answers mean the same? What they are is decided first; only what is an expression meets mathematics.

Careful above all: what is marked right is learned, so where two answers cannot be told to be equal, they are not.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from lit_mstar.equality.expressions import is_expression, without_unit
from lit_mstar.equality.parts import equal_items, items, sides, variable
from lit_mstar.equality.plain import LONGEST, plain
from lit_mstar.equality.quantities import Quantity, quantities
from lit_mstar.equality.readings import readings, same_text
from lit_mstar.equality.shapes import alike, shape
from lit_mstar.equality.symbolic import symbolically_equal
from lit_mstar.equality.units import Unit, parse_unit

TOLERANCE = 1e-6
"""The relative difference up to which two numbers are equal, unless both are integers (ours)."""

_ROUNDED = Fraction(1, 200)  # ours: what is rounded away must be less than this share, so 0.46 is no 0.5
_KINDS = {"to": "range"}
_PATIENCE = 3  # ours
_MAX_DEPTH = 3  # of lists in lists


@dataclass(frozen=True)
class Verdict:
    """Right or wrong, and why.

    Args:
        correct: Whether the answer is right.
        rule: A few words that say what decided; they go to the ledger.
    """

    correct: bool
    rule: str = ""


@dataclass(frozen=True)
class Comparison:
    """How answers are compared.

    Args:
        tolerance: Largest relative difference of equal numbers, unless both are integers.
        precision: Decimal places to which numbers are rounded first; None compares them as they are.
        unit: The unit of a reference that is written without it.
        units: "optional" lets a unit stand on one side only, "required" wants one where the reference has one,
            "ignored" compares numbers alone.
        answer_type: What the reference is, where that is known.
        timeout: Seconds that one question to mathematics may take. An answer may give rise to several, as a list does:
            none is asked once `_PATIENCE` times as long has gone by.
        deadline: When that is, by `time.monotonic`; set for each comparison.
    """

    tolerance: float = TOLERANCE
    precision: int | None = None
    unit: str | None = None
    units: Literal["optional", "required", "ignored"] = "optional"
    answer_type: str | None = None
    timeout: float = 3.0
    deadline: float = math.inf

    def __call__(self, predicted: str, reference: str) -> Verdict:
        """Whether an answer means what the reference means."""
        answer, wanted = plain(predicted), plain(reference)
        if not answer or not wanted:
            return Verdict(False, "no answer")
        if answer == wanted and not (self.unit and self.units == "required"):
            return Verdict(True, "same text")
        if max(len(answer), len(wanted)) > LONGEST:
            return Verdict(answer.casefold() == wanted.casefold(), "long text")
        timed = replace(self, deadline=time.monotonic() + _PATIENCE * self.timeout)
        last = Verdict(False, "different texts")
        for reading in readings(answer):
            for other in readings(wanted):
                verdict = timed._compare(reading, other)
                if verdict.correct:
                    return verdict
                last = verdict if verdict.rule != "different texts" else last
        return last

    def same(self, first: str, second: str) -> bool:
        """Whether two answers mean the same."""
        return self(first, second).correct

    def _compare(self, answer: str, wanted: str, depth: int = 0) -> Verdict:
        if self.answer_type == "text":
            return Verdict(same_text(answer, wanted), "text")
        if self.answer_type != "expression":
            for decide in (self._as_numbers, self._as_shapes):
                if (verdict := decide(answer, wanted)) is not None:
                    return verdict
        for decide_deeply in (self._as_equations, self._as_items):
            if depth < _MAX_DEPTH and (verdict := decide_deeply(answer, wanted, depth)) is not None:
                return verdict
        if same_text(answer, wanted):
            return Verdict(True, "same text")
        return self._as_expressions(answer, wanted)

    def _as_numbers(self, answer: str, wanted: str) -> Verdict | None:
        given, sought = quantities(answer), quantities(wanted)
        if not given or not sought:
            return None
        for one in given:
            for other in sought:
                if rule := self._same_quantity(one, other):
                    return Verdict(True, rule)
        return Verdict(False, "different numbers")

    def _as_shapes(self, answer: str, wanted: str) -> Verdict | None:
        given, sought = shape(answer), shape(wanted)
        if given is None and sought is None:
            return None
        if given is None or sought is None:
            kind = (given or sought).kind  # type: ignore[union-attr]
            return Verdict(False, f"{kind} on one side only")
        return Verdict(
            alike(given, sought, lambda a, b: bool(self._same_quantity(a, b))), _KINDS.get(given.kind, given.kind)
        )

    def _as_equations(self, answer: str, wanted: str, depth: int) -> Verdict | None:
        """Names in front of "=" are left out; what remains must all be what is sought: "3 = 7" is not 7."""
        given, sought = sides(answer), sides(wanted)
        lists = any(items(text) and not quantities(text) for text in (answer, wanted))  # "3,75" can be a number
        if (given is None and sought is None) or lists:
            return None
        names = {variable(answer), variable(wanted)} - {""}
        if len(names) > 1:  # the line x = 2 is not y = 2
            return Verdict(False, "different variables")
        given, sought = given or [answer], sought or [wanted]
        if len(sought) > 1:
            if "=" not in answer:
                return Verdict(False, "an equation on one side only")
            return self._as_expressions(answer, wanted)
        if [sought[0], *given] == [wanted, answer]:
            return None
        right = all(self._compare(side, sought[0], depth + 1).correct for side in given)
        return Verdict(right, "value of an equation" if len(given) == 1 else "all sides of an equation")

    def _as_items(self, answer: str, wanted: str, depth: int) -> Verdict | None:
        given, sought = items(answer), items(wanted)
        if given is None and sought is None:
            return None
        if given is None or sought is None:
            several = (given or sought).items  # type: ignore[union-attr]
            one = wanted if given else answer
            if given and not given.opening and all(self._compare(item, one, depth + 1).correct for item in several):
                return Verdict(True, "the same several times")
            return Verdict(False, "a list on one side only")
        equal = equal_items(given, sought, lambda a, b: self._compare(a, b, depth + 1).correct)
        return Verdict(equal, "list")

    def _as_expressions(self, answer: str, wanted: str) -> Verdict:
        (one, unit), (other, sought) = without_unit(answer), without_unit(wanted)
        if self.answer_type != "expression" and not (is_expression(one) and is_expression(other)):
            return Verdict(False, "different texts")
        if not self._same_unit(unit, sought):
            return Verdict(False, "different units")
        if time.monotonic() > self.deadline:
            return Verdict(False, "out of time")
        return Verdict(symbolically_equal(one, other, self.timeout), "expression")

    def _same_quantity(self, answer: Quantity, wanted: Quantity) -> str:
        """The rule by which two quantities are equal; empty where they are not."""
        given, sought = answer.unit, wanted.unit or (parse_unit(self.unit) if self.unit else None)
        if self.units == "ignored":
            given = sought = None
        x, y = answer.value, wanted.value
        decimals = wanted.decimals if answer.decimals is not None else None  # 22/7 is not meant to be 3.14
        if given is None and sought is not None and self.units == "required":
            return ""
        if given is None or sought is None:
            percent = {unit.dimension for unit in (given, sought) if unit} == {(("%", 1),)}
            hundredth = (x / 100 if given else x, y / 100 if sought else y)
            if rule := self._close(x, y, decimals):
                return rule if given == sought else f"{rule}, unit on one side"
            return "percent" if percent and self._close(*hundredth, None) else ""
        if not self._same_unit(given, sought, convert=True):
            return ""
        if given.noun or given.factor == sought.factor:
            return self._close(x, y, decimals)
        return "unit converted" if self._close(x * given.factor, y * sought.factor, None) else ""

    def _same_unit(self, first: Unit | None, second: Unit | None, convert: bool = False) -> bool:
        if first is None or second is None or self.units == "ignored":
            return self.units != "required" or second is None or first is not None
        return first.dimension == second.dimension and (convert or first.factor == second.factor)

    def _close(self, x: Fraction, y: Fraction, decimals: int | None) -> str:
        """The rule by which a value is the reference's, which was written with so many decimals."""
        if x == y:
            return "number"
        if self.precision is not None:
            return "number, rounded" if _rounded(x, self.precision) == _rounded(y, self.precision) else ""
        exact = x.denominator == y.denominator == 1
        if not exact and abs(x - y) <= Fraction(self.tolerance) * max(abs(x), abs(y)):
            return "number"
        # More digits than the reference: 2.5454 is right where 2.55 is known.
        if decimals and abs(x - y) <= _ROUNDED * abs(y) and _rounded(x, decimals) == y:
            return "number, rounded to the reference's decimals"
        return ""


def _rounded(value: Fraction, decimals: int) -> Fraction:
    """Half away from zero, as people round."""
    scaled = abs(value) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole, 10**decimals) * (1 if value >= 0 else -1)
