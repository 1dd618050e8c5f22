"""A processor is loaded as it was trained with, or its user is told what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lit_mstar import Backbone, Problem
from lit_mstar.encoding.architectures import Architecture
from lit_mstar.models import processors
from lit_mstar.models.origin import Origin
from lit_mstar.models.processors import load_processor, own_settings

PROBLEM = Problem(id="p", question="What is 3 + 4?")
SYSTEM = (
    "{% for message in messages %}{{ message.role }}: {% for part in message.content %}{{ part.text }}{% endfor %}"
    "{{ '\\n' }}{% endfor %}{{ '[thinks]' if think else '' }}"
)


@pytest.fixture
def bare(tiny_folder: Path, tmp_path: Path) -> Path:
    """A model without a chat template, and without anything of ours."""
    folder = tmp_path / "bare"
    shutil.copytree(tiny_folder, folder)
    (folder / "chat_template.jinja").unlink()
    (folder / "lit_mstar.json").unlink()
    return folder


def test_a_model_without_a_chat_template_says_which_to_give(bare: Path):
    with pytest.raises(ValueError, match="has no chat template; give Backbone.chat_template, a file or the text"):
        _ = Backbone(str(bare)).processor
    row = Architecture(chat_template="{{ that }}")
    with pytest.raises(ValueError, match="for this model such as '{{ that }}'"):
        load_processor(Origin.of(str(bare)), None, row, trust_remote_code=False)


@pytest.mark.parametrize("as_file", [False, True])
def test_a_chat_template_is_a_text_or_a_file_and_is_saved_with_the_model(bare: Path, tmp_path: Path, as_file: bool):
    file = tmp_path / "template.jinja"
    file.write_text(SYSTEM)
    backbone = Backbone(str(bare), chat_template=str(file) if as_file else SYSTEM)
    assert backbone.encoder.prompt_text(PROBLEM) == "user: What is 3 + 4?\n"
    backbone.save(backbone.load_model(), tmp_path / "saved")
    assert Backbone(str(tmp_path / "saved")).encoder.prompt_text(PROBLEM) == "user: What is 3 + 4?\n"


def test_a_template_file_that_is_not_there_is_named(bare: Path):
    with pytest.raises(ValueError, match=r"chat_template is 'gone.jinja', neither a file"):
        _ = Backbone(str(bare), chat_template="gone.jinja").processor


def test_system_turn_and_template_arguments_reach_the_prompt_and_are_saved(bare: Path, tmp_path: Path):
    backbone = Backbone(
        str(bare), chat_template=SYSTEM, system="Be brief.", template={"think": True}, prompt="Q: {question}"
    )
    expected = "system: Be brief.\nuser: Q: What is 3 + 4?\n[thinks]"
    assert backbone.encoder.prompt_text(PROBLEM) == expected
    backbone.save(backbone.load_model(), tmp_path / "saved")
    assert Backbone(str(tmp_path / "saved")).encoder.prompt_text(PROBLEM) == expected
    own = Problem(id="p", question="?", system="Be long.")
    assert Backbone(str(tmp_path / "saved")).encoder.prompt_text(own) == "system: Be long.\nuser: Q: ?\n[thinks]"
    silent = Backbone(str(tmp_path / "saved"), system="", template={"think": False})
    assert silent.encoder.prompt_text(PROBLEM) == "user: Q: What is 3 + 4?\n"
    said = {
        Backbone(str(tmp_path / "saved"), **options).encoder.said for options in ({}, {"system": "x"}, {"template": {}})
    }
    assert len(said) == 3  # what was sampled with one is not taken for the others'


def test_images_are_prepared_as_in_training(tiny_folder: Path):
    assert own_settings(str(tiny_folder))["image_backend"] == "pil"
    assert Backbone(str(tiny_folder)).processor.image_processor.backend == "pil"  # type: ignore[attr-defined]


def test_where_that_cannot_be_it_is_said(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(tiny_folder, tmp_path / "model")
    file = tmp_path / "model" / "lit_mstar.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"image_backend": "torchvision"}))

    def missing(path: str, backend: str) -> Any:
        raise ImportError(backend)

    monkeypatch.setattr(processors, "AutoImageProcessor", SimpleNamespace(from_pretrained=missing))
    monkeypatch.setattr(processors, "_image_backend", lambda processor: "pil")
    with pytest.warns(UserWarning, match=r"prepared by torchvision, which is not installed .*lit-mstar\[torchvision\]"):
        _ = Backbone(str(tmp_path / "model")).processor
