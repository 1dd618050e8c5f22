from __future__ import annotations

from lit_mstar import Iteration, Response, Rollout
from lit_mstar.data.harvest import Harvest, examples, harvest
from lit_mstar.rollouts.nouns import SamplingParams
from support.scripted import sums


def rollout(problem: int, selected: list[int]) -> Rollout:
    responses = [
        Response(text="", token_ids=[problem], correct=True),
        Response(text="", token_ids=[problem, 7, 8], correct=None, finish_reason="length"),
    ]
    return Rollout(problem=sums(3)[problem], responses=responses, selected=selected)


def test_what_is_selected_in_the_order_of_the_problems_and_what_is_counted() -> None:
    iteration = Iteration(index=0, problems=sums(3), sampling=SamplingParams())
    iteration.rollouts = [rollout(2, [0, 1]), rollout(1, []), rollout(0, [1])]
    whole, joined = harvest(iteration), Harvest()
    for one in iteration.rollouts:  # as of three ranks
        part = Harvest()
        part.add(one)
        joined.join(part)
    for found in (whole, joined):
        learned = [(problem.id, ids.tolist()) for problem, ids in examples(iteration, found)]
        assert learned == [("p0", [0, 7, 8]), ("p2", [2]), ("p2", [2, 7, 8])]
        assert found.lengths == {"p0": 2.0, "p1": 2.0, "p2": 2.0}
        assert found.counts == {"sampled": 6, "correct": 3, "kept": 3, "cut": 3}
