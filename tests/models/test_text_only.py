"""A tokenizer in the place of a processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from lit_mstar import Backbone, Problem
from support.helpers import png
from support.scorers import save_classifier


def test_a_model_of_text_has_an_encoder(tmp_path: Path):
    encoder = Backbone(save_classifier(tmp_path)).encoder
    problem = Problem(id="p", question="What is 3 + 4?")
    assert encoder.prompt_text(problem) == ("<|im_start|>user\nWhat is 3 + 4?<|im_end|>\n<|im_start|>assistant\n")
    batch = encoder.prompts([problem])
    assert batch["input_ids"][0].tolist() == encoder.prompt_ids(problem)


def test_it_refuses_images(tmp_path: Path):
    encoder = Backbone(save_classifier(tmp_path)).encoder
    with pytest.raises(ValueError, match="sees no images"):
        encoder.prompts([Problem(id="p", question="?", images=(png(),))])
