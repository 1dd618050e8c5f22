from __future__ import annotations

import sys

import pytest
from peft import LoraConfig, get_peft_model

from lit_mstar import TinyBackbone
from lit_mstar.models.wrapped import any_adapters, is_adapted


def test_a_model_is_adapted_once_peft_has_wrapped_it():
    model = TinyBackbone(corpus=["What is it?"]).load_model()
    assert not is_adapted(model)
    adapted = get_peft_model(model, LoraConfig(target_modules=["q_proj"]))
    assert is_adapted(adapted)
    assert not is_adapted(adapted.get_base_model())


def test_where_peft_was_never_imported_nothing_is_adapted_and_nothing_imports_it(monkeypatch: pytest.MonkeyPatch):
    model = TinyBackbone(corpus=["What is it?"]).load_model()
    monkeypatch.delitem(sys.modules, "peft")
    assert not any_adapters()
    assert not is_adapted(model)
    assert "peft" not in sys.modules
