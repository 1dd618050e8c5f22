"""The policy: its loss, its gradients over uneven batches, its accuracy, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lit_mstar import Backbone, PolicyModule, Problem
from lit_mstar.data import DigitsSource, ProblemDataModule, SupervisedDataModule
from lit_mstar.data.loaders import ProblemBatch
from lit_mstar.encoding.encoder import IGNORE
from lit_mstar.modules.likelihood import response_nll
from lit_mstar.reasoning.format import ReasoningFormat
from lit_mstar.rollouts.nouns import SamplingParams
from support.helpers import make_tiny_backbone
from support.scripted import (
    ListSource,
    ScriptedSampler,
    largest_difference,
    make_policy,
    make_trainer,
    right,
    sums,
    weights,
)
from support.uneven import LENGTHS, loader, token_loop, uneven_rows


def test_loss_is_the_sum_over_response_tokens(problems: list[Problem]) -> None:
    policy = make_policy().eval()
    rows = uneven_rows(policy.encoder, problems[:3])
    batch = policy.encoder.collate([problem for problem, _ in rows], [response for _, response in rows])
    with torch.no_grad():
        total, tokens = response_nll(policy.model, batch)
        expected = token_loop(policy.model, policy.encoder, rows)
    assert int(tokens) == len(expected) == sum(LENGTHS[:3])
    assert float(total) == pytest.approx(sum(expected), rel=1e-5)


def test_loss_ignores_what_the_labels_ignore(problems: list[Problem]) -> None:
    policy = make_policy().eval()
    rows = uneven_rows(policy.encoder, problems[1:2])
    batch = policy.encoder.collate([problems[1]], [rows[0][1] + rows[0][1]])
    batch["labels"][0, -1] = IGNORE
    with torch.no_grad():
        total, tokens = response_nll(policy.model, batch)
        expected = token_loop(policy.model, policy.encoder, [(problems[1], rows[0][1] * 2)])[:-1]
    assert int(tokens) == len(expected)
    assert float(total) == pytest.approx(sum(expected), rel=1e-5)


def sometimes_right(problem: Problem, index: int, sampling: SamplingParams) -> str:
    assert sampling.n == 1
    assert sampling.temperature == 0
    return right(problem) if int(problem.answer or 0) % 3 else "Answer: 1000"


@pytest.mark.parametrize("precision", ["32-true", "bf16-true", "bf16-mixed", "64-true"])  # some convert each batch
def test_greedy_accuracy_is_the_share_of_right_answers(precision: str, digits: DigitsSource, tmp_path: Path) -> None:
    policy = make_policy(ScriptedSampler(sometimes_right))
    data = ProblemDataModule(digits, eval_batch_size=4)
    trainer = make_trainer(tmp_path, precision=precision)
    for run, split, name in ((trainer.validate, "validate", "val/accuracy"), (trainer.test, "test", "test/accuracy")):
        answers = [int(problem.answer) for problem in digits.problems(split)]
        (metrics,) = run(policy, datamodule=data, verbose=False)
        close = 1e-2 if precision == "bf16-true" else 1e-6  # Lightning computes what is logged in bfloat16, too
        assert metrics[name] == pytest.approx(sum(answer % 3 > 0 for answer in answers) / len(answers), rel=close)


def greedy_by_hand(policy: PolicyModule, problem: Problem, tokens: int) -> list[int]:
    encoder, ids = policy.encoder, []
    while len(ids) < tokens and encoder.end_id not in ids:
        inputs = encoder.collate([problem], [ids])
        del inputs["labels"]
        logits = policy.model(**inputs).logits[0, -1]
        logits[encoder.forbidden_ids] = -torch.inf
        ids.append(int(logits.argmax()))
    return ids


def test_accuracy_of_the_real_model_is_a_brute_force_count(digits: DigitsSource, tmp_path: Path) -> None:
    policy = make_policy().eval()
    with torch.no_grad():
        texts = {p.id: policy.encoder.decode(greedy_by_hand(policy, p, 4)) for p in digits.problems("test")}
    # A format in which the untrained model's text is an answer; half of the references are made to match it.
    policy = make_policy(reasoning=ReasoningFormat(answer_pattern=r"(?s)\A(.*)\Z", cut_may_be_right=True))
    problems = [
        Problem(id=p.id, question=p.question, images=p.images, answer=texts[p.id] if i % 2 else "no such text")
        for i, p in enumerate(digits.problems("test"))
    ]
    data = ProblemDataModule(ListSource(test=problems), eval_batch_size=4)
    (metrics,) = make_trainer(tmp_path).test(policy, datamodule=data, verbose=False)
    expected = sum(bool(texts[p.id].strip()) for p in problems[1::2]) / len(problems)
    assert metrics["test/accuracy"] == pytest.approx(expected)
    assert expected > 0


def test_predict_gives_each_problems_greedy_response(digits: DigitsSource, tmp_path: Path) -> None:
    policy = make_policy()
    data = ProblemDataModule(digits, eval_batch_size=4, predict_splits=["test", "validate"])
    batches = make_trainer(tmp_path).predict(policy, datamodule=data)
    policy.eval()
    for split, found in zip(("test", "validate"), batches, strict=True):
        responses = [response for batch in found for response in batch]
        with torch.no_grad():
            expected = [greedy_by_hand(policy, problem, 4) for problem in digits.problems(split)]
        assert [response.token_ids for response in responses] == expected
        assert all(response.correct is not None for response in responses)


def saved_checkpoint(tmp_path: Path) -> str:
    policy = make_policy()
    trainer = make_trainer(tmp_path)
    trainer.fit(policy, loader(policy.encoder, uneven_rows(policy.encoder, sums(2)), 2))
    trainer.save_checkpoint(tmp_path / "small.ckpt")
    return str(tmp_path / "small.ckpt")


def test_checkpoint_of_another_width_is_refused(tmp_path: Path) -> None:
    other = PolicyModule(make_tiny_backbone(hidden_size=16))
    data = ProblemDataModule(ListSource(test=sums(2)))
    with pytest.raises(ValueError, match=r"has shape \(.*32.*\).*config's model \(.*16.*\).*config"):
        make_trainer(tmp_path).test(other, datamodule=data, ckpt_path=saved_checkpoint(tmp_path), weights_only=True)


def test_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    path = saved_checkpoint(tmp_path)
    checkpoint = torch.load(path, weights_only=True)
    name = make_tiny_backbone().architecture()
    torch.save(checkpoint | {"lit_mstar_architecture": "SomethingElse"}, path)
    assert checkpoint["lit_mstar_architecture"] == name
    data = ProblemDataModule(ListSource(test=sums(2)))
    with pytest.raises(ValueError, match=rf"holds a SomethingElse, but the config builds a {name}.*config"):
        make_trainer(tmp_path).test(make_policy(), datamodule=data, ckpt_path=path, weights_only=True)


def test_own_checkpoint_is_taken(tmp_path: Path) -> None:
    path = saved_checkpoint(tmp_path)
    torch.manual_seed(5)
    policy = PolicyModule(make_tiny_backbone(), ScriptedSampler(lambda p, i, s: right(p)))
    data = ProblemDataModule(ListSource(test=sums(2)))
    make_trainer(tmp_path).test(policy, datamodule=data, ckpt_path=path, weights_only=True, verbose=False)
    saved = torch.load(path, weights_only=True)["state_dict"]
    assert largest_difference(saved, weights(policy)) == 0


def test_fingerprint_of_equal_weights_is_equal() -> None:
    policy = make_policy()
    assert policy.fingerprint() == make_policy().fingerprint() == policy.eval().fingerprint()


def test_fingerprint_changes_with_every_weight() -> None:
    policy = make_policy()
    seen = {policy.fingerprint()}
    for count, parameter in enumerate(policy.parameters(), start=1):
        with torch.no_grad():
            parameter.view(-1)[-1] += 1e-4
        seen.add(policy.fingerprint())
        assert len(seen) == count + 1


def test_fingerprint_tells_an_order_of_weights_from_another() -> None:
    policy = make_policy()
    before = policy.fingerprint()
    weight = policy.model.lm_head.weight
    with torch.no_grad():
        weight.copy_(weight.flip(0))
    assert policy.fingerprint() != before


def test_only_trainable_weights_reach_the_optimizer(tiny_folder: Path, tmp_path: Path) -> None:
    lora = {"r": 2, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
    policy = PolicyModule(Backbone(str(tiny_folder), lora=lora), optimizer=lambda p: torch.optim.SGD(p, lr=0.5))
    trainer = make_trainer(tmp_path)
    policy.configure_model()
    before = weights(policy)
    trainer.fit(policy, loader(policy.encoder, uneven_rows(policy.encoder, sums(2)), 2))
    optimized = {id(p) for group in trainer.optimizers[0].param_groups for p in group["params"]}
    assert optimized == {id(p) for name, p in policy.named_parameters() if "lora_" in name}
    moved = {name for name, value in weights(policy).items() if not torch.equal(value, before[name])}
    assert moved
    assert all("lora_B" in name for name in moved)  # A's gradient is zero while B is zero


def test_frozen_vision_tower_stays_as_it_is(tiny_folder: Path, problems: list[Problem], tmp_path: Path) -> None:
    backbone = Backbone(str(tiny_folder), freeze_vision=True)
    policy = PolicyModule(backbone, optimizer=lambda params: torch.optim.SGD(params, lr=0.5))
    policy.configure_model()
    before = weights(policy)
    make_trainer(tmp_path).fit(policy, loader(policy.encoder, uneven_rows(policy.encoder, problems[:2]), 2))
    still = {name for name, value in weights(policy).items() if torch.equal(value, before[name])}
    assert {name for name in before if "vision_model" in name} <= still
    assert any("connector" in name for name in before.keys() - still)


def test_problems_are_left_where_they_are(problems: list[Problem]) -> None:
    data = ProblemDataModule(ListSource())
    batch = ProblemBatch(problems)
    assert [*batch] == problems
    assert data.transfer_batch_to_device(batch, torch.device("meta"), 0) is batch
    moved = data.transfer_batch_to_device({"x": torch.ones(2)}, torch.device("meta"), 0)
    assert moved["x"].device.type == "meta"


def test_missing_model_folder_is_refused_before_loading(digits: DigitsSource, tmp_path: Path) -> None:
    policy = PolicyModule(Backbone(str(tmp_path / "runs/demo/1-warmup/model")))
    with pytest.raises(ValueError, match=r"lit-mstar fit --config configs/demo/1-warmup.yaml"):
        make_trainer(tmp_path).fit(policy, datamodule=SupervisedDataModule(digits))
    assert policy.model is None


def test_saved_folder_gives_the_same_logits(problems: list[Problem], tmp_path: Path) -> None:
    policy = make_policy().eval()
    policy.save(tmp_path / "model")
    again = Backbone(str(tmp_path / "model"))
    batch = policy.encoder.collate(problems[:2], [[20, 21], [22]])
    assert {name: value.tolist() for name, value in batch.items()} == {
        name: value.tolist() for name, value in again.encoder.collate(problems[:2], [[20, 21], [22]]).items()
    }
    with torch.no_grad():
        first, second = response_nll(policy.model, batch), response_nll(again.load_model().eval(), batch)
    assert float(first[0]) == pytest.approx(float(second[0]), rel=1e-6)


def test_engines_that_ranks_share_rest_when_all_ranks_have_validated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    notes: list[str] = []

    class Central(ScriptedSampler):
        central = True

        def sample(self, *args: Any, **options: Any) -> Any:
            notes.append("asked")
            return super().sample(*args, **options)

        def rest(self) -> None:
            notes.append("rests")

    data = ProblemDataModule(ListSource(validate=sums(2)))
    trainer = make_trainer(tmp_path)
    monkeypatch.setattr(trainer.strategy, "barrier", lambda *_: notes.append("all are here"))
    trainer.validate(make_policy(Central(lambda *_: "Answer: 1")), datamodule=data, verbose=False)
    assert notes[notes.index("asked") :][:3] == ["asked", "all are here", "rests"]
