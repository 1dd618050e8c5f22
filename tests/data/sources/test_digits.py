"""The digits: disjoint handwriting, true chains, right answers, and a judge that lets nothing false pass."""

from __future__ import annotations

import hashlib
import io
import re
from collections import Counter
from functools import cache
from itertools import product

import numpy as np
import pytest
from PIL import Image
from scipy.stats import chisquare
from sklearn.datasets import load_digits

from lit_mstar import Problem
from lit_mstar.data import DigitsSource
from lit_mstar.reasoning.answers import extract_answer
from lit_mstar.reasoning.steps import split_steps

OPERATIONS = ("sum", "difference", "maximum")
BRUTE_FORCE = {
    "sum": lambda digits: sum(digits),
    "difference": lambda digits: max(abs(a - b) for a in digits for b in digits),
    "maximum": lambda digits: next(d for d in range(9, -1, -1) if d in digits),
}


def scans(problem: Problem) -> list[bytes]:
    """The 8 x 8 scans in a problem's image, with their pixels as scikit-learn has them."""
    with Image.open(io.BytesIO(problem.images[0])) as image:
        pixels = np.asarray(image.convert("L"))
    assert np.array_equal(pixels, pixels[::2, ::2].repeat(2, 0).repeat(2, 1))
    small = np.round(pixels[::2, ::2] / 16).astype(np.uint8)
    return [part.tobytes() for part in np.split(small, small.shape[1] // 8, axis=1)]


def known_scans() -> dict[bytes, int]:
    data = load_digits()
    return {image.astype(np.uint8).tobytes(): int(t) for image, t in zip(data.images, data.target, strict=True)}


def used(source: DigitsSource, split: str) -> set[bytes]:
    return {scan for problem in source.problems(split) for scan in scans(problem)}


@cache
def train_scans() -> set[bytes]:
    """All scans of the training split: so many draws leave none out."""
    return used(DigitsSource(3, train=4000, random_state=5), "train")


@pytest.mark.parametrize(("num_digits", "random_state"), [(2, 0), (3, 7)])
def test_handwriting_of_splits_is_disjoint(num_digits: int, random_state: int) -> None:
    sizes = {"seed": 300, "train": 1500, "validate": 600, "test": 900}
    source = DigitsSource(num_digits, random_state=random_state, **sizes)
    train, validate, test = (used(source, split) for split in ("train", "validate", "test"))
    assert train.isdisjoint(validate)
    assert train.isdisjoint(test)
    assert validate.isdisjoint(test)
    assert train | validate | test | used(source, "seed") <= known_scans().keys()
    assert (len(train), len(validate), len(test)) > (900, 280, 450)


def test_handwriting_is_disjoint_between_different_sources() -> None:
    sizes = {"seed": 300, "train": 1500, "validate": 600, "test": 900}
    first, second = (DigitsSource(random_state=state, **sizes) for state in (0, 1))
    assert not used(first, "train") & (used(second, "test") | used(second, "validate"))


@pytest.mark.parametrize("count", [3, 50])
def test_seed_uses_few_scans_all_of_train(count: int) -> None:
    seed = used(DigitsSource(seed_scans=count, seed=400), "seed")
    assert len(seed) == count
    assert seed <= train_scans()


@pytest.mark.parametrize("num_digits", [2, 3])
def test_answers_are_those_of_the_pixels(num_digits: int) -> None:
    source, labels = DigitsSource(num_digits, OPERATIONS, train=90), known_scans()
    for index, problem in enumerate(source.problems("train")):
        digits = [labels[scan] for scan in scans(problem)]
        assert len(digits) == num_digits
        assert problem.answer == str(BRUTE_FORCE[OPERATIONS[index % 3]](digits))
        assert {2: "two", 3: "three"}[num_digits] in problem.question


def test_questions_say_what_is_asked() -> None:
    questions = [problem.question for problem in DigitsSource(2, OPERATIONS, train=3).problems("train")]
    assert questions == [
        "What is the sum of the two digits?",
        "What is the largest of the two digits minus the smallest?",
        "What is the largest of the two digits?",
    ]


@pytest.mark.parametrize("num_digits", [2, 3])
@pytest.mark.parametrize("phrasings", [True, False])
def test_seed_chains_are_true(num_digits: int, phrasings: bool) -> None:
    source = DigitsSource(num_digits, OPERATIONS, seed=300, phrasings=phrasings)
    for problem in source.problems("seed"):
        steps = split_steps(problem.reasoning)
        assert len(steps) == num_digits + 1
        assert source.judge_steps(problem, steps) == [True] * len(steps)
        assert extract_answer(problem.reasoning) == problem.answer
    assert all(problem.reasoning is None for problem in source.problems("test"))


def all_chains(source: DigitsSource) -> list[tuple[Problem, list[str]]]:
    return [(problem, split_steps(problem.reasoning)) for problem in source.problems("seed")]


@pytest.mark.parametrize("num_digits", [2, 3])
def test_judge_rejects_every_corrupted_digit(num_digits: int) -> None:
    source = DigitsSource(num_digits, OPERATIONS, seed=60)
    tried = 0
    for problem, steps in all_chains(source):
        for step, position in product(steps, range(len("Step 1: "), max(map(len, steps)))):
            if not step[position : position + 1].isdigit():
                continue
            for digit in set("0123456789") - {step[position]}:
                assert source.judge_steps(problem, [step[:position] + digit + step[position + 1 :]]) == [False]
                tried += 1
    assert tried > 60 * 9 * (num_digits + 2)


def test_judge_takes_what_is_true_in_other_words() -> None:
    source = DigitsSource(3, OPERATIONS, seed=30)
    labels = known_scans()
    for problem in source.problems("seed"):
        a, b, c = (labels[scan] for scan in scans(problem))
        low, _, high = sorted((a, b, c))
        true = [
            *(f"The {name} digit is {d}." for name, d in zip(("first", "second", "third"), (a, b, c), strict=True)),
            *(f"Step 9: The {name} digit looks like {d}." for name, d in (("left", a), ("middle", b), ("right", c))),
            f"{c} + {a} + {b} = {a + b + c}.",
            f"{high} - {low} = {high - low}.",
            f"The largest of {b}, {c} and {a} is {high}.",
        ]
        assert source.judge_steps(problem, true) == [True] * len(true)


def test_judge_takes_nothing_else() -> None:
    source = DigitsSource(2, seed=20)
    for problem, steps in all_chains(source):
        first = steps[0].removeprefix("Step 1: ")
        total = steps[2].removeprefix("Step 3: ")
        other = [
            *("", "So it is.", first[:-1], first + " " + first, first.upper(), f"\n{first}", f"I think: {first}"),
            *("The third digit is 1.", "The middle digit is 1.", "1 = 1.", "1 + 1 = 2.".replace("1 + 1", "0 + 2 + 0")),
            *(total.replace(" + ", "+"), "0 + " + total, f"{first}\n{total}", f"Answer: {problem.answer}"),
        ]
        assert not any(source.judge_steps(problem, other))


def test_a_reading_of_the_wrong_place_is_untrue() -> None:
    source, labels = DigitsSource(3, seed=50), known_scans()
    names = (("first", "left"), ("second", "middle"), ("third", "right"))
    for problem in source.problems("seed"):
        digits = [labels[scan] for scan in scans(problem)]
        for place, digit in product(range(3), range(10)):
            steps = [f"The {name} digit is {digit}." for name in names[place]]
            assert source.judge_steps(problem, steps) == [digits[place] == digit] * 2


def style(problem: Problem) -> tuple[str, bool, bool]:
    first = split_steps(problem.reasoning)[0]
    name = re.search(r"The (\w+) digit", first)[1]
    return ("ordinal" if name in ("first", "second") else "side", "looks like" in first, name in ("second", "right"))


def test_phrasings_are_uniform() -> None:
    source = DigitsSource(2, seed=1600)
    counts = Counter(style(problem) for problem in source.problems("seed"))
    assert len(counts) == 8
    assert chisquare(list(counts.values())).pvalue > 1e-3  # a fixed seed: the test can't fail by chance


def test_one_phrasing_only_if_told_so() -> None:
    source = DigitsSource(2, seed=50, phrasings=False)
    assert {style(problem) for problem in source.problems("seed")} == {("ordinal", False, False)}


def test_digits_are_drawn_evenly_from_the_scans() -> None:
    source, labels = DigitsSource(2, train=2000), known_scans()
    drawn = Counter(labels[scan] for problem in source.problems("train") for scan in scans(problem))
    pool = Counter(labels[scan] for scan in train_scans())
    expected = [pool[d] / sum(pool.values()) * sum(drawn.values()) for d in range(10)]
    assert chisquare([drawn[d] for d in range(10)], expected).pvalue > 1e-3


def test_same_arguments_same_problems() -> None:
    for split in ("seed", "train", "validate", "test"):
        assert DigitsSource(2).problems(split) == DigitsSource(2).problems(split)
        assert DigitsSource(2).problems(split) != DigitsSource(2, random_state=1).problems(split)


def test_more_problems_are_the_same_ones_first() -> None:
    assert DigitsSource(2, train=40).problems("train")[:15] == DigitsSource(2, train=15).problems("train")


KNOWN = {  # a digest of ids, answers, chains and images as they were before there was an "unlabeled" split
    "seed": "9027c8e6aad9049b",
    "train": "f955a33d74cda90f",
    "validate": "e8546278e66b8da3",
    "test": "4e6d77ed4fd79a3a",
}


def digest(problems: list[Problem]) -> str:
    return hashlib.sha256(repr([(p.id, p.answer, p.reasoning, scans(p)) for p in problems]).encode()).hexdigest()[:16]


@pytest.mark.parametrize("split", list(KNOWN))
def test_unlabeled_problems_change_no_other(split: str) -> None:
    sizes = {"seed": 20, "train": 20, "validate": 20, "test": 20}
    assert digest(DigitsSource(2, **sizes).problems(split)) == KNOWN[split]
    assert digest(DigitsSource(2, **sizes, unlabeled=9).problems(split)) == KNOWN[split]


def test_unlabeled_problems_share_the_training_handwriting() -> None:
    source, labels = DigitsSource(3, OPERATIONS, unlabeled=300), known_scans()
    problems = source.problems("unlabeled")
    assert used(source, "unlabeled") <= train_scans()
    assert [scans(p) for p in problems] != [scans(p) for p in DigitsSource(3, train=300).problems("train")]
    for index, problem in enumerate(problems):
        digits = [labels[scan] for scan in scans(problem)]
        assert problem.answer == str(BRUTE_FORCE[OPERATIONS[index % 3]](digits))
        assert problem.reasoning is None
        assert source.judge_steps(problem, [f"The first digit is {digits[0]}.", "The first digit is 99."]) == [
            True,
            False,
        ]


def test_there_are_no_unlabeled_problems_unless_asked_for() -> None:
    assert DigitsSource(2).problems("unlabeled") == []


def test_ids_are_unique_over_all_splits() -> None:
    source = DigitsSource(2, unlabeled=30)
    ids = [problem.id for split in source.sizes for problem in source.problems(split)]
    assert len(ids) == len(set(ids)) == sum(source.sizes.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"num_digits": 4}, "num_digits is 4.*2 or 3"), ({"operations": ()}, "operations is empty.*sum, difference")],
)
def test_impossible_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DigitsSource(**arguments)
