from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lit_mstar import Backbone, Problem, ProcessRewardModule, Response, Rollout
from lit_mstar.sharing.command import export
from lit_mstar.sharing.exported import Exported
from support.helpers import png
from support.scripted import make_prm

STEPS = ["Step 1: The first digit is 3.", "Step 2: The second digit is 4.", "Step 3: 3 + 4 = 7."]
PROBLEM = Problem(id="p", question="What is the sum of the two digits?", images=(png(16, 8, (10, 200, 90)),))


def by_the_card(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    monkeypatch.chdir(folder.parent)
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - that is what is tested
    assert isinstance(PROBLEM.images[0], bytes)
    image = Image.open(io.BytesIO(PROBLEM.images[0])).convert("RGB")
    found: list[float] = names["score"](folder.name, PROBLEM.question, image, STEPS)
    return found


def ours(folder: Path) -> list[float]:
    rollout = Rollout(problem=PROBLEM, responses=[Response(text="\n".join(STEPS), steps=STEPS)])
    return ProcessRewardModule.from_folder(str(folder)).score([rollout])[0][0]


def test_the_lines_on_the_card_score_as_we_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = Path(make_prm(tmp_path / "model"))
    prm = ProcessRewardModule.from_folder(str(folder))
    prm.calibration.scale.fill_(0.6)
    prm.calibration.offsets.copy_(torch.linspace(-1, 1, len(prm.calibration.offsets)))
    prm.save_head(folder)
    export(Exported("prm", folder), tmp_path / "my-prm")
    found = by_the_card(tmp_path / "my-prm", monkeypatch)
    assert found == pytest.approx(ours(folder), abs=1e-5)
    assert max(found) - min(found) > 0.01
    assert (
        "is the least of its steps' (M-STaR); a step counts as right from 0.5 on"
        in (tmp_path / "my-prm/README.md").read_text()
    )
    assert ours(tmp_path / "my-prm") == pytest.approx(found, abs=1e-5)


def test_an_adapter_is_merged_and_its_prompt_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: dict[str, Any]
):
    base = make_prm(tmp_path / "base")
    prm = ProcessRewardModule(Backbone(base, lora=lora, prompt='Judge "{question}"{choices}', system="Be strict."))
    prm.configure_model()
    with torch.no_grad():
        for name, weight in prm.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5)
    prm.save(tmp_path / "model")
    export(Exported("prm", tmp_path / "model"), tmp_path / "my-prm")
    found = by_the_card(tmp_path / "my-prm", monkeypatch)
    assert found == pytest.approx(ours(tmp_path / "model"), abs=1e-4)
    assert found != pytest.approx(ours(Path(base)), abs=1e-2)
