"""How well answers are graded, by kind, and what marking costs, beside math-verify alone in the same run.

    python benchmarks/grading.py [FILE] [--cost 20000]

FILE has a graded answer a line: `text`, `reference`, `choices` (or null), `match`, `kind`; by default, those of the
tests. What passes as right and is not is the worst: it would be learned. The cost is of the default grader on chains
as the digits' policy writes them and on all graded answers, in seconds for 100,000 responses, one thread.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lit_mstar import Problem, Response, Rollout
from lit_mstar.reasoning.marking import Marker

GRADED = Path(__file__).parent.parent / "tests/reasoning/graded_answers.jsonl"

Row = dict[str, Any]
Judge = Callable[[Row], bool]


def ours(row: Row) -> bool:
    """The default grader, as responses are marked."""
    problem = Problem(id="p", question="?", answer=row["reference"], choices=tuple(row["choices"] or ()))
    return bool(Marker().mark(Rollout(problem=problem, responses=[Response(text=row["text"])])).responses[0].correct)


def math_verify(row: Row) -> bool:
    """math-verify by itself: it finds the answer and compares it; a letter is compared as text."""
    from math_verify import parse, verify

    return bool(verify(parse(row["reference"]), parse(row["text"])))


def agreement(rows: list[Row], judges: dict[str, Judge]) -> list[str]:
    """A table: of each kind and grader, how many rows agree, and how many wrong answers pass."""
    total: Counter[str] = Counter(row["kind"] for row in rows)
    agreed: dict[str, Counter[str]] = {name: Counter() for name in judges}
    passed: dict[str, Counter[str]] = {name: Counter() for name in judges}
    for row in rows:
        for name, judge in judges.items():
            verdict = judge(row)
            agreed[name][row["kind"]] += verdict == row["match"]
            passed[name][row["kind"]] += verdict and not row["match"]
    head = " | ".join(f"{name}: agrees | {name}: wrong passes" for name in judges)
    lines = [f"| kind | answers | {head} |", "|---|---|" + "---|---|" * len(judges)]
    for kind in sorted(total):
        cells = " | ".join(f"{agreed[name][kind]} | {passed[name][kind]}" for name in judges)
        lines.append(f"| {kind} | {total[kind]} | {cells} |")
    sums = " | ".join(f"{agreed[n].total() / len(rows):.1%} | {passed[n].total()}" for n in judges)
    return [*lines, f"| **all** | {len(rows)} | {sums} |"]


def cost(rows: list[Row], judge: Judge, count: int) -> float:
    """Seconds for 100,000 responses, drawn from the rows."""
    draw = random.Random(0)
    chosen = [draw.choice(rows) for _ in range(count)]
    start = time.perf_counter()
    for row in chosen:
        judge(row)
    return (time.perf_counter() - start) / count * 100_000


def digits(count: int) -> list[Row]:
    """Chains on the sum of two digits, every third wrong."""
    draw = random.Random(1)
    chain = "Step 1: The first digit is {a}.\nStep 2: The second digit is {b}.\nStep 3: {a} + {b} = {c}.\nAnswer: {c}"
    pairs = [(draw.randrange(10), draw.randrange(10)) for _ in range(count)]
    texts = [chain.format(a=a, b=b, c=a + b + (i % 3 == 0)) for i, (a, b) in enumerate(pairs)]
    return [{"text": t, "reference": str(a + b), "choices": None} for t, (a, b) in zip(texts, pairs, strict=True)]


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=GRADED)
    parser.add_argument("--cost", type=int, default=20_000, help="responses that are timed")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.file.read_text().splitlines()]
    print("\n".join(agreement(rows, {"lit-mstar": ours, "math-verify": math_verify})))
    print("\n| seconds for 100,000 responses | lit-mstar | math-verify | ratio |\n|---|---|---|---|")
    for name, some in (("chains on digits", digits(options.cost)), ("the graded answers", rows)):
        mine, theirs = cost(some, ours, options.cost), cost(some, math_verify, options.cost // 20)
        print(f"| {name} | {mine:.1f} | {theirs:.1f} | {mine / theirs:.2f} |")


if __name__ == "__main__":
    main()
