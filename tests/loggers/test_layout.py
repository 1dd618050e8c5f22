from __future__ import annotations

import re
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from lit_mstar.loggers.groups import speed, tag
from lit_mstar.loggers.layout import lay_out


def test_six_charts_come_first_and_each_has_its_curves(tmp_path: Path):
    logger = TensorBoardLogger(tmp_path, name="", version="")
    lay_out([CSVLogger(tmp_path / "csv"), logger])
    logger.finalize("success")
    (event,) = EventAccumulator(str(tmp_path)).Reload().Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
    (category,) = layout.category
    assert len(category.chart) == 6
    measures = (
        "greedy_accuracy pass_at_k distinct reward_pass_at_2 faithful_kept faithful_correct temperature "
        "sampled correct kept"
    )
    known = [*map(tag, measures.split()), *speed({"sampling": 1.0})]
    for chart in category.chart:
        for pattern in chart.multiline.tag:
            assert any(re.fullmatch(pattern, one) for one in known), pattern
