"""The benchmarks' own rules for what is right, as graders; each as lax, or as strict, as its owners' code.

Where a rule reads a whole reply, ours reads the final answer that `RuleGrader` finds in it, unless told otherwise: a
rule made for bare answers says nothing of a chain of thought. So does MathVista's, whose owners ask a language model
for the final answer (`AskedExtractor` does).
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

from lit_mstar.evaluation.asked_extractor import AskedExtractor
from lit_mstar.reasoning.grader import Grader, Verdict
from lit_mstar.reasoning.rules import RuleGrader
from lit_mstar.rollouts.nouns import Problem
from lit_mstar.rollouts.options import LETTERS, bare_options


class OfficialGrader(Grader):
    """A benchmark's rule on a final answer, or on a whole response.

    Args:
        reads: "answer" gives the rule the final answer that `RuleGrader` finds (ours); "response" all of the response,
            as the owners' code does.
    """

    name: str
    """What stands beside the figure."""

    def __init__(self, reads: Literal["answer", "response"] = "answer") -> None:
        if reads not in ("answer", "response"):
            raise ValueError(f'{type(self).__name__}.reads is {reads!r}; it must be "answer" or "response".')
        self.reads = reads
        self._ours = RuleGrader()

    @property
    def finder(self) -> str:
        """Who finds the answer in a response."""
        return "answer found by our rules" if self.reads == "answer" else "on the whole response"

    def extract(self, text: str, problem: Problem) -> str | None:
        """See `Grader.extract`."""
        self._ours.reasoning = self.reasoning
        return text if self.reads == "response" else self._ours.extract(text, problem)

    def matches(self, predicted: str | None, problem: Problem) -> Verdict:
        """See `Grader.matches`; the rule is never asked about a missing answer."""
        if predicted is None or not predicted.strip():
            return Verdict(False, "no answer")
        return Verdict(self.right(predicted, problem), self.name)

    @abstractmethod
    def right(self, predicted: str, problem: Problem) -> bool:
        """Whether the rule says that an answer, which is not blank, is right."""


class MathVistaGrader(OfficialGrader):
    """MathVista's rule: normalize by what the problem asks for, then the texts must be equal.

    Multiple choice: the first "(x)" is a letter, and so is an answer that is nothing else; any other is the option of
    smallest edit distance, so that every answer names some option. Integer: `str(int(float(x)))`, so 3.9 is 3. Float:
    rounded to the problem's precision. A unit makes a number unreadable, and so wrong. A response without an answer is
    wrong here, where the owners' code would take the shortest option.

    Args:
        reads: As for `OfficialGrader`.
        extractor: A language model that finds the final answer, as the owners do it; rules by default.
    """

    name = "MathVista"

    def __init__(
        self, reads: Literal["answer", "response"] = "answer", extractor: AskedExtractor | None = None
    ) -> None:
        super().__init__(reads)
        self.extractor = extractor

    @property
    def finder(self) -> str:
        """See `OfficialGrader.finder`."""
        return f"answer found by {self.extractor.chat.model}" if self.extractor else super().finder

    def extract(self, text: str, problem: Problem) -> str | None:
        """See `Grader.extract`."""
        return self.extractor(text, problem) if self.extractor else super().extract(text, problem)

    def right(self, predicted: str, problem: Problem) -> bool:
        """See `OfficialGrader.right`; `problem.tags` say what is asked for."""
        asked = problem.tags.get("answer_type")
        if problem.choices:
            return nearest_option(predicted, problem.choices) == problem.answer
        try:
            if asked == "integer":
                predicted = str(int(float(predicted)))
            elif asked == "float":
                predicted = str(round(float(predicted), problem.precision or 0))
        except (ValueError, OverflowError):
            return False
        return predicted.strip() == str(problem.answer)


class M3CoTGrader(OfficialGrader):
    """M3CoT's rule: what follows "[Answer]", if that is there, and in it the last "(X)".

    Else the last option whose text occurs, in any case; else the last letter that stands alone; else wrong.
    """

    name = "M3CoT"

    def right(self, predicted: str, problem: Problem) -> bool:
        """See `OfficialGrader.right`."""
        text = predicted.rpartition("[Answer]")[2]
        letters = LETTERS[: max(len(problem.choices), 1)]
        if bracketed := re.findall(r"\(([A-Za-z])\)", text):
            return bool(bracketed[-1].upper() == _letter(problem))
        named = [x for x, option in zip(letters, problem.choices, strict=False) if option.lower() in text.lower()]
        alone = [x for x in letters if x in re.sub(r"[\n.,!?]", " ", text).split(" ")]
        found = named or alone
        return bool(found) and found[-1] == _letter(problem)


class MMStarGrader(OfficialGrader):
    """MMStar's rule: the reply begins with the letter, "(letter", "option letter" or "the answer is letter".

    A chain of thought begins with something else and scores near 0 by it, which is why the final answer is taken first;
    and "A cat" is A, whatever it is about.
    """

    name = "MMStar"

    def right(self, predicted: str, problem: Problem) -> bool:
        """See `OfficialGrader.right`."""
        text, letter = predicted.lower().strip().replace("\n", " "), _letter(problem).lower()
        return any(text.startswith(head + letter) for head in ("", "(", "option ", "the answer is "))


class OptionGrader(OfficialGrader):
    """The rule of MMBench and AI2D: the one letter that stands alone, else the one option whose text occurs.

    The owners of MMBench ask a language model where this finds none; here the answer is wrong.
    """

    name = "option"

    def right(self, predicted: str, problem: Problem) -> bool:
        """See `OfficialGrader.right`."""
        letters = LETTERS[: max(len(problem.choices), 4)]
        words = re.sub(r"[.()\[\],:;!*#{}\n]", " ", predicted).split()
        found = [letter for letter in letters if letter in words]
        if len(found) > 1:
            found = [letter for letter in found if letter != "A"]  # it may be an article
        if not found:
            options = [option.lower() for option in bare_options(problem.choices)]
            found = [x for x, option in zip(letters, options, strict=False) if option in predicted.lower()]
        return len(found) == 1 and found[0] == _letter(problem)


def nearest_option(predicted: str, choices: Sequence[str]) -> str:
    """The option that MathVista's rule takes an answer for."""
    letter = re.findall(r"\(([a-zA-Z])\)", predicted)
    named = letter[0].upper() if letter else predicted.strip()
    if named in [*LETTERS[: len(choices)]]:
        return choices[LETTERS.index(named)]
    return min(choices, key=lambda choice: edit_distance(named, choice))


def edit_distance(first: str, second: str) -> int:
    """Levenshtein's: insertions, deletions and substitutions of one character, 1 each."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(second, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _letter(problem: Problem) -> str:
    """The letter of the right answer."""
    answer = str(problem.answer).strip()
    if problem.answer_type == "option" and answer in problem.choices:
        return LETTERS[problem.choices.index(answer)]
    return answer.strip("()").upper()
