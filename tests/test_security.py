"""What comes from strangers runs no code: checkpoints, model folders, ledgers, step data sets.

Each attack is first shown to work against a reader that trusts it. Images and paths: `rollouts/test_images.py`,
`data/test_jsonl_images.py`, `data/test_stepwise.py`.
"""

from __future__ import annotations

import io
import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from jinja2 import Environment
from jinja2.exceptions import SecurityError
from lightning.pytorch.callbacks import ModelCheckpoint
from peft import LoraConfig, get_peft_model
from torch.utils.data import DataLoader

from lit_mstar import Backbone, Iteration, Problem, ProcessRewardModule, Response, Rollout
from lit_mstar.commands.stage import finish_stage
from lit_mstar.data import ProblemDataModule, StepwiseDataModule
from lit_mstar.encoding.step_encoding import StepExample
from lit_mstar.rollouts.ledger import SCHEMA, Ledger
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.step_labels.parquet import read_steps, write_steps
from support.commands import lit_mstar, sft_config
from support.scripted import ListSource, make_policy, make_trainer, sums

ROOT = Path(__file__).parents[1]


class Attack:
    """An object that makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)

    def works(self, load: Callable[[], Any]) -> None:
        """Asserts that a trusting reader runs it, and forgets that it did."""
        load()
        assert self.marker.exists()
        self.marker.unlink()


@pytest.fixture
def attack(tmp_path: Path) -> Iterator[Attack]:
    made = Attack(tmp_path / "was-run")
    yield made
    ran = made.marker.exists()
    made.marker.unlink(missing_ok=True)
    assert not ran


def write_pickle(attack: Attack, file: Path, how: str, **rest: Any) -> None:
    """Writes `rest` with the attack in it, and shows that the file is dangerous."""
    content = rest | {"extra": attack}
    if how == "pickle":
        file.write_bytes(pickle.dumps(content))
        attack.works(lambda: pickle.loads(file.read_bytes()))  # noqa: S301
    else:
        torch.save(content, file, _use_new_zipfile_serialization=how == "zip")
        attack.works(lambda: torch.load(io.BytesIO(file.read_bytes()), weights_only=False))  # noqa: S614


HOW = pytest.mark.parametrize("how", ["zip", "legacy", "pickle"])


def checkpoint(folder: Path) -> dict[str, Any]:
    """A real one."""
    policy, trainer = make_policy(), make_trainer(folder)
    trainer.strategy.connect(policy)
    trainer.save_checkpoint(folder / "good.ckpt")
    return torch.load(folder / "good.ckpt", weights_only=True)


@HOW
@pytest.mark.parametrize("run", ["fit", "validate", "test", "predict"])
def test_a_checkpoint_runs_nothing(tmp_path: Path, attack: Attack, run: str, how: str):
    file = tmp_path / "hostile.ckpt"
    write_pickle(attack, file, how, **checkpoint(tmp_path))
    data = ProblemDataModule(ListSource(validate=sums(2), test=sums(2)))
    given = {"train_dataloaders": DataLoader([0])} if run == "fit" else {"datamodule": data}
    with pytest.raises(pickle.UnpicklingError, match="[Ww]eights.only"):
        getattr(make_trainer(tmp_path), run)(make_policy(), ckpt_path=str(file), **given)


@HOW
def test_the_best_checkpoint_of_a_stage_runs_nothing(tmp_path: Path, attack: Attack, how: str):
    file = tmp_path / "hostile.ckpt"
    write_pickle(attack, file, how, **checkpoint(tmp_path))
    keeper = ModelCheckpoint(tmp_path)
    keeper.best_model_path = str(file)
    trainer = make_trainer(tmp_path, callbacks=[keeper], enable_checkpointing=True)
    # Only the zip format can be mapped into memory; the others are not even begun to be read.
    with pytest.raises((pickle.UnpicklingError, RuntimeError), match="[Ww]eights.only|mmap can only be used"):
        finish_stage(trainer, make_policy(), ProblemDataModule(ListSource(test=sums(2))), 0.0)
    assert not (tmp_path / "summary.json").exists()


def with_code(folder: Path, marker: Path) -> Path:
    """A model folder that brings Python code along."""
    folder.mkdir()
    (folder / "code.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass C: pass\n")
    auto = {"AutoConfig": "code.C", "AutoModelForImageTextToText": "code.C", "AutoProcessor": "code.C"}
    for name in ("config.json", "processor_config.json", "tokenizer_config.json"):
        (folder / name).write_text(json.dumps({"model_type": "unheard-of", "auto_map": auto}))
    return folder


def load_quietly(path: Path, **options: Any) -> None:
    # Its class is no configuration, but by then the code has run.
    with pytest.raises(ValueError, match="has no attribute"):
        Backbone(str(path), **options).load_model()


@pytest.fixture
def stage(tmp_path: Path, tiny_folder: Path) -> list[str]:
    """Arguments of a stage without anything hostile."""
    (tmp_path / "stage.yaml").write_text(yaml.safe_dump(sft_config(tiny_folder)))
    return ["test", "--config", "stage.yaml", "--ckpt_path"]


@pytest.mark.slow
def test_a_checkpoint_does_not_choose_the_model(tmp_path: Path, attack: Attack, stage: list[str]):
    evil = with_code(tmp_path / "evil", attack.marker)
    attack.works(lambda: load_quietly(evil, trust_remote_code=True))
    made = checkpoint(tmp_path)
    backbone = {"class_path": "lit_mstar.Backbone", "init_args": {"path": str(evil), "trust_remote_code": True}}
    made["hyper_parameters"] = {"class_path": "lit_mstar.PolicyModule", "init_args": {"backbone": backbone}}
    torch.save(made, tmp_path / "hostile.ckpt")
    done = lit_mstar(tmp_path, *stage, "hostile.ckpt")
    assert not attack.marker.exists(), done.stderr
    assert done.returncode == 0, done.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address under which `tmp_path` is served."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path))

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("remote", [False, True])
def test_a_checkpoint_given_to_the_command_runs_nothing(
    tmp_path: Path, attack: Attack, stage: list[str], served: str, remote: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    write_pickle(attack, tmp_path / "hostile.ckpt", "zip", **checkpoint(tmp_path))
    done = lit_mstar(tmp_path, *stage, f"{served}/hostile.ckpt" if remote else "hostile.ckpt")
    assert not attack.marker.exists(), done.stderr
    assert done.returncode != 0
    assert "weights_only" in done.stderr


@pytest.fixture
def folder(tmp_path: Path, tiny_folder: Path) -> Path:
    """A copy of a good model folder."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


@HOW
def test_pickled_weights_are_not_opened(folder: Path, attack: Attack, how: str):
    write_pickle(attack, folder / "pytorch_model.bin", how)
    Backbone(str(folder)).load_model()  # beside safetensors they are ignored
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="no file named model.safetensors"):
        Backbone(str(folder)).load_model()


@HOW
@pytest.mark.parametrize("name", ["model.safetensors", "prm_head.safetensors"])
def test_pickled_weights_by_another_name_run_nothing(folder: Path, attack: Attack, name: str, how: str):
    write_pickle(attack, folder / "prm_head.safetensors", how)
    write_pickle(attack, folder / name, how)
    with pytest.raises(ValueError, match=rf"{folder}.* cannot be loaded: .*header"):
        ProcessRewardModule.from_folder(str(folder))


@HOW
@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.safetensors"])
def test_an_adapter_runs_nothing(folder: Path, tmp_path: Path, attack: Attack, name: str, how: str):
    backbone = Backbone(str(folder))
    model = get_peft_model(backbone.load_model(), LoraConfig(r=2, target_modules=["q_proj"]))
    backbone.save(model, tmp_path / "adapter")
    Backbone(str(tmp_path / "adapter")).load_model()
    (tmp_path / "adapter" / "adapter_model.safetensors").unlink()
    write_pickle(attack, tmp_path / "adapter" / name, how)
    with pytest.raises(ValueError, match=f"{tmp_path / 'adapter'} cannot be loaded: "):
        Backbone(str(tmp_path / "adapter")).load_model()


def test_code_in_the_folder_under_an_adapter_is_not_run(folder: Path, tmp_path: Path, attack: Attack):
    backbone = Backbone(str(folder))
    model = get_peft_model(backbone.load_model(), LoraConfig(r=2, target_modules=["q_proj"]))
    backbone.save(model, tmp_path / "adapter")
    evil = with_code(tmp_path / "evil", attack.marker)
    attack.works(lambda: load_quietly(evil, trust_remote_code=True))
    file = tmp_path / "adapter" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": str(evil)}))
    for use in (Backbone.load_model, Backbone.architecture):
        with pytest.raises(ValueError, match="trust_remote_code"):
            use(Backbone(str(tmp_path / "adapter")))


def test_a_chat_template_runs_nothing(folder: Path, attack: Attack):
    template = "{{ cycler.__init__.__globals__.os.system('touch MARKER') }}".replace("MARKER", str(attack.marker))
    (folder / "chat_template.jinja").write_text(template)
    attack.works(lambda: Environment().from_string(template).render())  # noqa: S701
    with pytest.raises(SecurityError, match="unsafe"):
        Backbone(str(folder)).encoder.prompt_text(Problem(id="a", question="?"))


def with_extension(table: pa.Table, payload: bytes) -> pa.Table:
    """The table with every column declared as an Arrow extension type whose parameters are a pickle."""
    name = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": payload}
    return table.cast(pa.schema([field.with_metadata(name) for field in table.schema]))


def hostile_parquet(file: Path, attack: Attack) -> None:
    """Replaces a Parquet file by one with the same rows and hostile types."""
    pq.write_table(with_extension(pq.read_table(file, partitioning=None), pickle.dumps(attack)), file)
    for field in pq.read_schema(file):
        payload = (field.metadata or {})[b"ARROW:extension:metadata"]
        attack.works(lambda payload=payload: pickle.loads(payload))  # noqa: S301


def rollouts(*ids: str) -> Iteration:
    made = [Rollout(problem=Problem(id=i, question="?"), responses=[Response(text=f"{i}!")]) for i in ids]
    problems = [rollout.problem for rollout in made]
    return Iteration(index=0, problems=problems, sampling=SamplingParams(), rollouts=made)


def test_types_in_a_ledger_run_nothing(tmp_path: Path, attack: Attack):
    ledger, made = Ledger(tmp_path / "rollouts"), rollouts("a", "b")
    ledger.begin(made, "x")
    ledger.append(0, made.rollouts)
    (part,) = tmp_path.rglob("part-*")
    hostile_parquet(part, attack)
    assert list(ledger.read(made)) == made.rollouts


@pytest.mark.parametrize("column", ["text", "token_ids", "steps"])
def test_a_ledger_with_other_columns_is_no_rollout(tmp_path: Path, column: str):
    ledger, made = Ledger(tmp_path / "rollouts"), rollouts("a")
    ledger.begin(made, "x")
    ledger.append(0, made.rollouts)
    (part,) = tmp_path.rglob("part-*")
    table = pq.read_table(part, partitioning=None)
    other = pa.array([[{"x": 1}]] * len(table))
    pq.write_table(table.set_column(SCHEMA.get_field_index(column), column, other), part)
    with pytest.raises((ValueError, pa.ArrowException)):
        ledger.read(made)


def test_types_in_a_step_data_set_run_nothing(tmp_path: Path, attack: Attack):
    chains = [StepExample(problem, ["one", "two"], [1.0, 0.5]) for problem in sums(3)]
    write_steps(tmp_path / "a.parquet", "train", chains, b"")
    hostile_parquet(tmp_path / "a.parquet", attack)
    assert read_steps(tmp_path / "a.parquet") == [("train", chain) for chain in chains]
    data = StepwiseDataModule(str(tmp_path))
    data.setup("fit")
    assert data._examples["train"] == chains
