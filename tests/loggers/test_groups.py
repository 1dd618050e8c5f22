from __future__ import annotations

import pytest

from lit_mstar.loggers.groups import grouped, speed, tag


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("greedy_accuracy", "accuracy/greedy_accuracy"),
        ("pass_at_k", "accuracy/pass_at_k"),
        ("pass_at_k/T=0.7", "exploration/pass_at_k/T0.7"),
        ("distinct", "exploration/distinct"),
        ("reward_pass_at_2", "reward/reward_pass_at_2"),
        ("prm/refresh_loss", "reward/prm_refresh_loss"),
        ("next_temperature", "temperature/next_temperature"),
        ("sampled", "data/sampled"),
        ("pseudo_right", "data/pseudo_right"),
        ("band/easy", "data/band_easy"),
        ("my_own", "iteration/my_own"),
    ],
)
def test_every_measure_has_a_group(name: str, expected: str):
    assert tag(name) == expected


def test_a_temperature_search_is_no_card_for_each_temperature():
    metrics = {"balance/reward_pass_at_2/T=0.3": 0.5, "balance/close": 3.0, "kept": 2.0}
    assert grouped(metrics) == {"data/kept": 2.0}


def test_seconds_are_the_group_of_speed():
    assert speed({"sampling": 1.5}) == {"speed/sampling_seconds": 1.5}
