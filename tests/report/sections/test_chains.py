from __future__ import annotations

from lit_mstar import Problem
from lit_mstar.report.sections.chains import contrasts, votes
from support.reported import rollout


def test_kept_and_other_right_responses_are_compared_by_iteration():
    problem = Problem(id="p", question="?", answer="7")
    one = rollout(problem, [True, True, False], [0.9, 0.8, 0.7], [0])
    one.responses[1].text += " and more words"
    one.responses[1].steps = one.responses[1].steps * 2
    charts = {chart.title: chart for chart in contrasts({4: [one]}, lambda problem, steps: None)}
    assert charts["Steps"].rows == [["4", "2.00", "4.00"]]
    assert charts["Length"].rows == [["4", "11.00", "11.00"]]
    assert "Truth" not in charts  # nobody can tell


def test_votes_are_the_accuracies_of_each_way():
    problems = [Problem(id=str(k), question="?", answer="7") for k in range(2)]
    first = rollout(problems[0], [True, True, False], [0.1, 0.2, 0.9])
    second = rollout(problems[1], [True, False, False], [0.9, 0.1, 0.2])
    (chart,) = votes({0: [first, second]})
    assert chart.header == ("iteration", "any of N", "majority", "best of N", "weighted")
    # Majority is right on the first, the best of three on the second; by weight 0.3 < 0.9 and 0.9 > 0.3.
    assert chart.rows == [["0", "100.0%", "50.0%", "50.0%", "50.0%"]]


def test_nothing_is_drawn_where_there_is_nothing_to_vote_on():
    problem = Problem(id="p", question="?", answer="7")
    assert votes({0: [rollout(problem, [True], [0.5])]}) == []
    unknown = rollout(problem, [True, True], [0.5, 0.5])
    unknown.responses[0].correct = None
    assert votes({0: [unknown]}) == []
    assert votes({0: [rollout(problem, [True, True], [-1.0, 0.5])]}) == []
