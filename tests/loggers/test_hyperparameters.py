from __future__ import annotations

from lit_mstar.loggers.hyperparameters import hyperparameters


def test_what_decides_a_result_is_a_flat_table():
    config = {
        "seed_everything": 3,
        "ckpt_path": "x",
        "trainer": {
            "max_epochs": 8,
            "devices": 2,
            "logger": {"class_path": "a.B"},
            "callbacks": [{"class_path": "m.TemperatureBalancer", "init_args": {"every": 2, "grid": [0.3, 0.4]}}],
        },
        "model": {"class_path": "m.Policy", "init_args": {"optimizer": {"init_args": {"lr": 0.001}}, "grader": None}},
        "data": {"init_args": {"source": "x" * 999}},
    }
    assert hyperparameters(config) == {
        "seed_everything": 3,
        "model.class_path": "m.Policy",
        "model.optimizer.lr": 0.001,
        "data.source": "x" * 200,
        "trainer.max_epochs": 8,
        "trainer.callbacks.TemperatureBalancer.class_path": "m.TemperatureBalancer",
        "trainer.callbacks.TemperatureBalancer.every": 2,
        "trainer.callbacks.TemperatureBalancer.grid.0": 0.3,
        "trainer.callbacks.TemperatureBalancer.grid.1": 0.4,
    }
