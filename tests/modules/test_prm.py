"""The process reward model: where it reads, what it learns, and that its scores depend on nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningDataModule
from safetensors.torch import load_file, save_file
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader

from lit_mstar import Backbone, Problem, ProcessRewardModule, Response, Rollout
from lit_mstar.encoding.encoder import Batch
from lit_mstar.encoding.step_encoding import StepExample, collate_steps, step_ids
from lit_mstar.modules.calibration import Calibration
from lit_mstar.modules.prm import HEAD_FILE
from support.helpers import make_tiny_backbone
from support.scripted import make_policy, make_trainer, sums

CHAINS = [
    ["Step 1: The first digit is 3.", "Step 2: The second digit is 4.", "Step 3: 3 + 4 = 7."],
    ["Step 1: no."],
    ["a\n\nb", "Step 2: ünï — ✓", "x" * 40, "Step 4: 1 + 1 = 2."],
]


def make_prm(**options) -> ProcessRewardModule:
    torch.manual_seed(0)
    prm = ProcessRewardModule(make_tiny_backbone(), **options)
    prm.configure_model()
    with torch.no_grad():
        prm.head.weight.mul_(5)  # scores that differ
    return prm.eval()


def rollout(problem: Problem, chains: list[list[str]]) -> Rollout:
    return Rollout(problem=problem, responses=[Response(text="", steps=chain) for chain in chains])


def plain_scores(prm: ProcessRewardModule, problem: Problem, chain: list[str]) -> list[float]:
    """One chain alone, in one forward pass over everything."""
    inputs = collate_steps(prm.encoder, [StepExample(problem=problem, steps=chain, labels=[0.0] * len(chain))])
    del inputs["labels"], inputs["targets"]
    with torch.no_grad():
        return prm(**inputs)[0].sigmoid().tolist()


def batches(prm: ProcessRewardModule, examples: list[StepExample], size: int, shuffle: bool = False) -> DataLoader:
    return DataLoader(examples, size, shuffle=shuffle, collate_fn=lambda rows: collate_steps(prm.encoder, rows))


def labelled(problems: list[Problem], labels: list[list[float]], truth: bool = False) -> list[StepExample]:
    return [
        StepExample(
            problem=problem,
            steps=[f"Step {k}: {problem.id} says {k}." for k in range(len(row))],
            labels=row,
            truth=[k % 2 == 0 for k in range(len(row))] if truth else None,
        )
        for problem, row in zip(problems, labels, strict=True)
    ]


@pytest.mark.parametrize("chain", CHAINS)
def test_a_step_is_read_at_its_last_token(chain: list[str]) -> None:
    encoder = make_tiny_backbone().encoder
    ids, ends = step_ids(encoder, chain)
    for count, end in enumerate(ends, start=1):
        assert encoder.decode(ids[: end + 1]) == "".join(f"{step}\n" for step in chain[:count])


def test_collated_ends_point_at_the_same_tokens(problems: list[Problem]) -> None:
    encoder = make_tiny_backbone().encoder
    examples = [StepExample(p, chain, [0.5] * len(chain)) for p, chain in zip([*problems[:2], *sums(1)], CHAINS)]
    batch = collate_steps(encoder, examples)
    for row, chain in enumerate(CHAINS):
        ids = batch["input_ids"][row].tolist()
        prompt = encoder.prompts([examples[row].problem])["input_ids"].shape[1]
        for count, end in enumerate(batch["ends"][row, : len(chain)].tolist(), start=1):
            assert encoder.decode(ids[prompt : end + 1]) == "".join(f"{step}\n" for step in chain[:count])


def test_later_steps_change_no_earlier_score(problems: list[Problem]) -> None:
    prm = make_prm()
    whole = plain_scores(prm, problems[0], CHAINS[0])
    for count in range(1, 4):
        assert plain_scores(prm, problems[0], CHAINS[0][:count]) == pytest.approx(whole[:count], abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 5, 256])
def test_score_is_the_plain_forward_pass(problems: list[Problem], batch_size: int) -> None:
    prm = make_prm(batch_size=batch_size)
    mixed = [problems[0], *sums(2), problems[1]]
    rollouts = [rollout(problem, CHAINS[: 1 + i % 3]) for i, problem in enumerate(mixed)]
    expected = [[plain_scores(prm, r.problem, x.steps) for x in r.responses] for r in rollouts]
    for ours, theirs in zip(prm.score(rollouts), expected, strict=True):
        for scores, plain in zip(ours, theirs, strict=True):
            assert scores == pytest.approx(plain, abs=1e-5)
    flat = [score for row in expected for scores in row for score in scores]
    assert max(flat) - min(flat) > 1e-2  # not all the same


def test_score_depends_on_no_neighbour(problems: list[Problem]) -> None:
    prm = make_prm()
    together = prm.score([rollout(problem, CHAINS) for problem in problems[:3]])
    for i, problem in enumerate(problems[:3]):
        for j, chain in enumerate(CHAINS):
            assert prm.score([rollout(problem, [chain])])[0][0] == pytest.approx(together[i][j], abs=1e-5)


@pytest.mark.parametrize("chains", [[CHAINS[0], []], [[], CHAINS[0]], [[], CHAINS[0], [], CHAINS[1]]])
def test_empty_chains_have_no_scores_and_change_none(problems: list[Problem], chains: list[list[str]]) -> None:
    prm = make_prm()
    (scores,) = prm.score([rollout(problems[0], chains)])
    for chain, found in zip(chains, scores, strict=True):
        assert found == pytest.approx(plain_scores(prm, problems[0], chain) if chain else [], abs=1e-5)


def test_problems_without_any_step_are_scored_too(problems: list[Problem]) -> None:
    prm = make_prm()
    assert prm.score([rollout(problems[0], [[], []]), rollout(problems[1], [[]])]) == [[[], []], [[]]]


def test_problems_without_responses_are_scored_too(problems: list[Problem]) -> None:
    prm = make_prm()
    assert prm.score([]) == []
    assert prm.score([rollout(problems[0], [])]) == [[]]


def test_score_leaves_the_mode_as_it_was(problems: list[Problem]) -> None:
    prm = make_prm().train()
    prm.model.eval()
    prm.score([rollout(problems[0], CHAINS)])
    assert (prm.training, prm.head.training, prm.model.training) == (True, True, False)


def bce(logit: float, label: float) -> float:
    p = 1 / (1 + math.exp(-logit))
    return -label * math.log(p) - (1 - label) * math.log(1 - p)


@pytest.mark.parametrize("labels", ["soft", "hard"])
def test_loss_is_the_mean_cross_entropy_over_steps(problems: list[Problem], tmp_path: Path, labels: str) -> None:
    prm = make_prm(labels=labels, optimizer=lambda params: torch.optim.SGD(params, lr=0.0))
    examples = labelled(problems[:3], [[0.25, 0.0, 1.0], [0.75], [0.5, 0.0]])
    terms = []
    for example in examples:
        logits = torch.tensor(plain_scores(prm, example.problem, example.steps)).double().logit().tolist()
        targets = example.labels if labels == "soft" else [float(label > 0) for label in example.labels]
        terms += [bce(logit, target) for logit, target in zip(logits, targets, strict=True)]
    trainer = make_trainer(tmp_path, num_sanity_val_steps=0)
    trainer.fit(prm, batches(prm, examples, 3), batches(prm, examples, 3))
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(sum(terms) / 6, abs=1e-5)
    assert float(trainer.callback_metrics["val/loss"]) == pytest.approx(sum(terms) / 6, abs=1e-5)


def expected_calibration_error(scores: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    total = 0.0
    for k in range(bins):
        inside = (scores > k / bins) & (scores <= (k + 1) / bins)
        if inside.any():
            total += inside.mean() * abs(scores[inside].mean() - truth[inside].mean())
    return total


@pytest.mark.parametrize("truth", [True, False])
def test_metrics_are_those_of_the_pooled_steps(problems: list[Problem], tmp_path: Path, truth: bool) -> None:
    prm = make_prm()
    labels = [[(i * 7 + k * 3) % 4 / 4 for k in range(1 + i % 4)] for i in range(len(problems))]
    examples = labelled(problems, labels, truth)
    scores = np.array([s for e in examples for s in plain_scores(prm, e.problem, e.steps)])
    targets = np.array([t for e in examples for t in (e.truth if truth else [label > 0 for label in e.labels])])
    trainer = make_trainer(tmp_path)
    for run, prefix in ((trainer.validate, "val"), (trainer.test, "test")):
        (metrics,) = run(prm, batches(prm, examples, 5), verbose=False)
        assert metrics[f"{prefix}/step_auroc"] == pytest.approx(roc_auc_score(targets, scores), abs=1e-5)
        assert metrics[f"{prefix}/step_ece"] == pytest.approx(expected_calibration_error(scores, targets), abs=1e-5)


def test_saved_folder_scores_the_same(problems: list[Problem], tmp_path: Path) -> None:
    prm = make_prm()
    prm.save(tmp_path / "prm")
    again = ProcessRewardModule.from_folder(str(tmp_path / "prm"))
    rollouts = [rollout(problem, CHAINS) for problem in problems[:2]]
    assert again.score(rollouts) == prm.score(rollouts)
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_folder_of_a_policy_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "runs/demo/3-prm/model"
    make_policy().save(folder)
    message = r"process reward model \(no prm_head.safetensors in it\).*lit-mstar fit --config configs/demo/3-prm.yaml"
    with pytest.raises(ValueError, match=message):
        ProcessRewardModule.from_folder(str(folder))


def test_backbone_of_a_policy_folder_is_the_start_of_a_prm(tiny_folder: Path, problems: list[Problem]) -> None:
    backbone = Backbone(str(tiny_folder))
    prm = ProcessRewardModule(backbone)
    prm.configure_model()
    policy = backbone.load_model()
    theirs = {
        name.removeprefix("model."): value for name, value in policy.state_dict().items() if "lm_head" not in name
    }
    ours = prm.model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_learns_a_separable_set(tmp_path: Path) -> None:
    torch.manual_seed(0)
    prm = ProcessRewardModule(make_tiny_backbone(), optimizer=lambda params: torch.optim.AdamW(params, lr=3e-3))
    texts = {True: "The first digit is 3.", False: "The second digit is 4."}
    patterns = [[True, True], [True, False], [False, True], [False, False], [True], [False, False, True]]
    examples = [
        StepExample(problem, [texts[good] for good in pattern], [float(good) for good in pattern])
        for problem, pattern in zip(sums(6), patterns, strict=True)
    ]
    trainer = make_trainer(tmp_path, max_epochs=25, num_sanity_val_steps=0, check_val_every_n_epoch=25)
    trainer.fit(prm, batches(prm, examples, 3, shuffle=True), batches(prm, examples, 6))
    assert trainer.callback_metrics["val/step_auroc"] == 1
    assert trainer.callback_metrics["val/loss"] < 0.2


def test_non_finite_loss_stops(problems: list[Problem], tmp_path: Path) -> None:
    prm = make_prm()
    prm.head.bias.data.fill_(torch.inf)
    with pytest.raises(FloatingPointError, match="step 0"):
        make_trainer(tmp_path).fit(prm, batches(prm, labelled(problems[:2], [[0.5], [0.0, 1.0]]), 2))


def test_padding_carries_no_loss(problems: list[Problem]) -> None:
    prm = make_prm()
    examples = labelled(problems[:2], [[0.5], [0.0, 1.0, 0.25]])
    batch: Batch = collate_steps(prm.encoder, examples)
    loss = prm.training_step(batch, 0)
    loss.backward()
    expected = torch.cat([p.grad.flatten() for p in prm.head.parameters()])
    prm.zero_grad()
    for example in examples:  # alone, without padding
        part = prm.training_step(collate_steps(prm.encoder, [example]), 0)
        part.backward()
    assert torch.cat([p.grad.flatten() for p in prm.head.parameters()]).tolist() == pytest.approx(
        expected.tolist(), abs=1e-5
    )


def test_batch_without_any_labelled_step_changes_neither_loss_nor_metrics(
    problems: list[Problem], tmp_path: Path
) -> None:
    prm = make_prm()
    full = collate_steps(prm.encoder, labelled(problems[:3], [[0.25, 0.0], [0.75], [1.0, 0.5, 0.0]]))
    empty = full | {"labels": torch.full_like(full["labels"], torch.nan)}
    plain, padded = (
        make_trainer(tmp_path).validate(prm, DataLoader(part, batch_size=None), verbose=False)[0]
        for part in ([full], [empty, full, empty])
    )
    assert padded == plain
    assert math.isfinite(plain["val/loss"])


def test_batch_without_any_labelled_step_has_no_gradient(problems: list[Problem]) -> None:
    prm = make_prm()
    batch = collate_steps(prm.encoder, labelled(problems[:2], [[0.25, 0.0], [0.75]]))
    batch["labels"].fill_(torch.nan)
    loss = prm.training_step(batch, 0)
    loss.backward()
    assert loss == 0
    assert all(p.grad is None or not p.grad.any() for p in prm.parameters())


def test_balanced_classes_are_those_of_the_training_data(problems: list[Problem], tmp_path: Path) -> None:
    class Data(LightningDataModule):
        serves = "labelled steps"

        def positive_share(self, kind: str) -> float:
            assert kind == "hard"
            return 0.2

        def train_dataloader(self):
            return batches(prm, examples, 3)

    prm = make_prm(labels="hard", balance=True, optimizer=lambda params: torch.optim.SGD(params, lr=0.0))
    examples = labelled(problems[:3], [[0.25, 0.0, 1.0], [0.75], [0.5, 0.0]])
    terms, total = 0.0, 0.0
    for example in examples:
        logits = torch.tensor(plain_scores(prm, example.problem, example.steps)).double().logit().tolist()
        for logit, label in zip(logits, example.labels, strict=True):
            weight = 0.5 / 0.2 if label > 0 else 0.5 / 0.8
            terms, total = terms + weight * bce(logit, float(label > 0)), total + weight
    trainer = make_trainer(tmp_path, num_sanity_val_steps=0)
    trainer.fit(prm, datamodule=Data())
    assert float(trainer.callback_metrics["train/loss"]) == pytest.approx(terms / total, abs=1e-5)


def test_validation_calibrates_and_the_test_shows_before_and_after(problems: list[Problem], tmp_path: Path) -> None:
    prm = make_prm(optimizer=lambda params: torch.optim.SGD(params, lr=0.0), aggregation="validation")
    with torch.no_grad():
        prm.head.bias += 3  # far too sure
    trainer = make_trainer(tmp_path, num_sanity_val_steps=0)
    shapes = labelled(problems, [[0.0] * (1 + i % 4) for i in range(len(problems))])
    raw = [plain_scores(prm, e.problem, e.steps) for e in shapes]
    middle = float(np.median([score for row in raw for score in row]))
    # A step above the middle is right, but for every fifth.
    labels = [
        [float((score > middle) ^ ((i + k) % 5 == 0)) for k, score in enumerate(row)] for i, row in enumerate(raw)
    ]
    examples = labelled(problems, labels)
    trainer.fit(prm, batches(prm, examples, 5), batches(prm, examples, 5))
    logits = [[math.log(s / (1 - s)) for s in row] for row in raw]
    by_hand = Calibration()
    by_hand.fit([(row, [x > 0 for x in row_labels]) for row, row_labels in zip(logits, labels, strict=True)])
    assert float(prm.calibration.scale) == pytest.approx(float(by_hand.scale), rel=1e-3)
    assert prm.calibration.offsets.tolist() == pytest.approx(by_hand.offsets.tolist(), abs=1e-2)
    assert (prm.threshold, prm.aggregation) == (pytest.approx(float(by_hand.threshold), abs=1e-3), by_hand.aggregation)
    (metrics,) = trainer.test(prm, batches(prm, examples, 5), verbose=False)
    assert metrics["test/step_ece_calibrated"] < metrics["test/step_ece"] / 2
    scores = prm.score([rollout(e.problem, [e.steps]) for e in examples])
    found = torch.tensor([row[0][0] for row in scores])
    expected = torch.cat([by_hand(torch.tensor([row]))[0, :1].sigmoid() for row in logits])
    assert torch.allclose(found, expected.float(), atol=1e-3)


def test_calibration_and_aggregation_are_saved_with_the_head(problems: list[Problem], tmp_path: Path) -> None:
    prm = make_prm(aggregation="mean")
    prm.calibration.scale.fill_(0.25)
    prm.calibration.threshold.fill_(0.75)
    prm.save(tmp_path / "prm")
    again = ProcessRewardModule.from_folder(str(tmp_path / "prm"))
    assert (again.aggregation, again.threshold, float(again.calibration.scale)) == ("mean", 0.75, 0.25)
    given = [rollout(problem, CHAINS) for problem in problems[:2]]
    assert again.score(given) == prm.score(given)
    other = ProcessRewardModule(Backbone(str(tmp_path / "prm")), aggregation="last")
    other.place(torch.device("cpu"))
    assert other.aggregation == "last"


def test_a_head_of_before_is_read(problems: list[Problem], tmp_path: Path) -> None:
    prm = make_prm()
    prm.save(tmp_path / "prm")
    file = tmp_path / "prm" / HEAD_FILE
    save_file({name: value for name, value in load_file(file).items() if not name.startswith("calibration.")}, file)
    again = ProcessRewardModule.from_folder(str(tmp_path / "prm"))
    assert again.score([rollout(problems[0], CHAINS)]) == prm.score([rollout(problems[0], CHAINS)])
    assert (again.aggregation, again.threshold) == ("min", 0.5)


@pytest.mark.parametrize("truth", [True, False])
def test_held_out_labels_have_a_figure_of_their_own(problems: list[Problem], tmp_path: Path, truth: bool) -> None:
    prm = make_prm()
    examples = labelled(problems, [[(i + k) % 3 / 2 for k in range(1 + i % 4)] for i in range(len(problems))], truth)
    scores = [s for e in examples for s in plain_scores(prm, e.problem, e.steps)]
    (metrics,) = make_trainer(tmp_path).test(prm, batches(prm, examples, 5), verbose=False)
    hard = [label > 0 for e in examples for label in e.labels]
    assert metrics["test/label_auroc"] == pytest.approx(roc_auc_score(hard, scores), abs=1e-5)
    assert (metrics["test/label_auroc"] == metrics["test/step_auroc"]) is not truth
