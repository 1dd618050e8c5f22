"""What must hold for every architecture; a function a check, its first line is its column in docs/backbones.md."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from models.zoo.subject import LORA, RESPONSES, Subject
from safetensors.torch import load_file

from lit_mstar import ProcessRewardModule, Response, Rollout
from lit_mstar.encoding.probes import other_than
from lit_mstar.encoding.prompt_cache import inference
from lit_mstar.encoding.step_encoding import StepExample, collate_steps
from lit_mstar.models.vision import tower_pattern
from lit_mstar.models.weights import stream
from lit_mstar.modules.likelihood import response_nll
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import TransformersSampler
from support.commands import lit_mstar
from support.lora_recipe import adapter_of, write_lora_recipe

GREEDY = SamplingParams(n=4, temperature=0.0, max_tokens=5)


def prompts(subject: Subject, folder: Path) -> None:
    """prompts: token for token the chat template's, with 0, 1 and 2 images, alone and in a batch."""
    encoder = subject.encoder
    for batch in subject.batches:
        together = encoder.prompts(batch)
        for row, problem in enumerate(batch):
            expected = subject.chat(problem)
            alone = encoder.prompts([problem])["input_ids"][0]
            kept = together["input_ids"][row][together["attention_mask"][row].bool()]
            assert alone.tolist() == expected.tolist() == kept.tolist(), problem.id
    plain = subject.backbone(prompt_memory=0).encoder
    for batch in [*subject.batches, *([problem, other_than(problem)] for problem in subject.problems)]:
        expected = plain.prompts(batch)
        for found in (encoder.prompts(batch), encoder.prompts(batch)):  # the second is remembered, where that is exact
            torch.testing.assert_close(found, expected, atol=0, rtol=0, msg=lambda m, b=batch: f"{b[0].id}: {m}")


def turn_ends(subject: Subject, folder: Path) -> None:
    """ends: stops where published checkpoints stop, learns what ends a turn."""
    encoder, tokens = subject.encoder, subject.encoder.tokenizer
    assert tokens.convert_ids_to_tokens(encoder.end_id) == subject.tiny.end
    assert set(tokens.convert_ids_to_tokens(encoder.end_ids)) == {*subject.tiny.ends, tokens.eos_token}
    assert not set(encoder.end_ids) & set(encoder.forbidden_ids)
    batch = encoder.collate(subject.problems[-1:], [encoder.response_ids(RESPONSES[0])])
    learned = batch["labels"][0][batch["labels"][0] != -100].tolist()
    assert learned[-1] == encoder.end_id
    assert encoder.decode(learned) == RESPONSES[0]
    image = encoder.processor.image_token_id
    assert image in batch["input_ids"][0].tolist()
    assert image in encoder.forbidden_ids or image >= subject.model.config.get_text_config().vocab_size
    assert image not in encoder.text_ids(str(tokens.convert_ids_to_tokens(image)))


def batches(subject: Subject, folder: Path) -> None:
    """batches: logits and loss of a row are those that it has alone."""
    model, encoder = subject.model, subject.encoder
    for batch in subject.batches:
        responses = list(itertools.islice(itertools.cycle(RESPONSES), len(batch)))
        together = subject.logits(model, batch, responses)
        for row, (problem, response) in enumerate(zip(batch, responses, strict=True)):
            (alone,) = subject.logits(model, [problem], [response])
            torch.testing.assert_close(
                together[row], alone, atol=2e-5, rtol=1e-4, msg=lambda m, p=problem: f"{p.id}: {m}"
            )
        ids = [encoder.response_ids(text) for text in responses]
        total, count = response_nll(model, encoder.collate(batch, ids))
        single = [response_nll(model, encoder.collate([p], [i])) for p, i in zip(batch, ids, strict=True)]
        torch.testing.assert_close(total, sum(nll for nll, _ in single), atol=1e-3, rtol=1e-5)
        assert int(count) == sum(int(n) for _, n in single) == sum(map(len, ids))


def teacher_forcing(subject: Subject, folder: Path) -> None:
    """teacher forcing: what is generated greedily is the likeliest token when learned."""
    model, encoder = subject.model, subject.encoder
    for problem in subject.problems:
        ids = subject.greedy(problem, 5)
        batch = encoder.collate([problem], [ids])
        labels = batch.pop("labels")[0]
        start = int((labels != -100).int().argmax())
        with torch.no_grad():
            logits = model(**batch).logits[0, start - 1 : -1].float()
        logits[:, encoder.forbidden_ids] = -torch.inf
        best, chosen = logits.max(-1).values, logits.gather(1, torch.tensor(ids)[:, None])[:, 0]
        torch.testing.assert_close(chosen, best, atol=1e-4, rtol=1e-4, msg=lambda m, p=problem: f"{p.id}: {m}")


def sampling(subject: Subject, folder: Path) -> None:
    """sampling: by default settings what plain `generate` says, in any order, with prefixes, N = 4."""

    class Policy:
        model, encoder = subject.model, subject.encoder

    sampler = TransformersSampler()
    sampler.load_policy(Policy())  # type: ignore[arg-type]
    prefixes = ["", "Step 1: 3"]
    expected = {(p.id, x): subject.greedy(p, GREEDY.max_tokens, x) for p in subject.problems for x in prefixes}
    for order in (subject.problems, subject.problems[::-1]):
        for prefix in prefixes:
            for position, rollout in sampler.sample(order, GREEDY, [prefix] * len(order)):
                wanted = expected[order[position].id, prefix]
                for response in rollout.responses:
                    kept = [token for token in wanted if token not in subject.encoder.end_ids]
                    assert response.token_ids[: len(kept)] == kept, (rollout.problem.id, prefix)
                    assert (response.finish_reason == "stop") == (len(kept) < len(wanted))


def scoring(subject: Subject, folder: Path) -> None:
    """scoring: steps as by one forward pass a response, unequal N; sampling and training between change nothing."""
    prm = ProcessRewardModule(subject.backbone())
    prm.configure_model()
    torch.nn.init.normal_(prm.head.weight)
    prm.eval()
    steps = ["Step 1: The digit is 3.", "Step 2: é – 数.", "Step 3: 3 + 4 = 7."]
    rollouts = [
        Rollout(problem=p, responses=[Response(text="", steps=steps[: 1 + (i + j) % 3]) for j in range(1 + i % 3)])
        for i, p in enumerate(subject.problems)
    ]
    expected = {
        (i, j): _alone(prm, x.problem, r.steps) for i, x in enumerate(rollouts) for j, r in enumerate(x.responses)
    }
    orders = itertools.islice(itertools.permutations(range(len(rollouts))), 0, 120, 40)
    for order, prm.batch_size in zip(orders, (256, 2, 3), strict=False):
        scores = prm.score([rollouts[i] for i in order])
        for i, row in zip(order, scores, strict=True):
            for j, found in enumerate(row):
                torch.testing.assert_close(torch.tensor(found), expected[i, j], atol=2e-5, rtol=1e-4)
        batch = prm.encoder.collate(subject.batches[-1][:1], [prm.encoder.response_ids(RESPONSES[0])])
        batch.pop("labels")
        prm.model(**batch)  # as training would, with what scoring has left behind


def _alone(prm: Any, problem: Any, steps: list[str]) -> torch.Tensor:
    batch = collate_steps(prm.encoder, [StepExample(problem, steps, [0.0] * len(steps))])
    with inference(prm):
        return prm(**{k: v for k, v in batch.items() if k not in ("labels", "targets")})[0].sigmoid()  # type: ignore[no-any-return]


def adapters(subject: Subject, folder: Path) -> None:
    """LoRA: none in a frozen tower; equal gradients with and without checkpointing; the next stage goes on with it."""
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(1)
        backbone = subject.backbone(lora=LORA, freeze_vision=True, gradient_checkpointing=checkpointing)
        model: Any = backbone.load_model()
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        batch = subject.encoder.collate(
            subject.batches[-1], [subject.encoder.response_ids(RESPONSES[1])] * len(subject.batches[-1])
        )
        response_nll(model, batch)[0].backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys() == {name for name, p in model.named_parameters() if p.requires_grad}
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], atol=1e-4, rtol=1e-3)
    tower = re.compile(r"base_model\.model\." + tower_pattern(model.get_base_model()))
    assert not [name for name in found[0] if tower.fullmatch(name)]
    backbone.save(model, folder / "adapter")
    again: Any = subject.backbone(folder / "adapter").load_model()
    ours = {name: p for name, p in model.named_parameters() if p.requires_grad}
    theirs = {name: p for name, p in again.named_parameters() if p.requires_grad}
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def freezing(subject: Subject, folder: Path) -> None:
    """freezing: the tower stays, a connector inside it learns."""
    model: Any = subject.backbone(freeze_vision=True).load_model()
    tower = re.compile(tower_pattern(model))
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen
    assert frozen == {name for name, _ in model.named_parameters() if tower.fullmatch(name)}
    assert not [name for name in frozen if "merger" in name or "projector" in name or "connector" in name]


def saving(subject: Subject, folder: Path) -> None:
    """saving: model, merged adapter and stream have the checkpoint's names; the same logits and stops from them."""
    problem, text = subject.problems[-1:], RESPONSES[1:2]
    names = _names(subject.folder)
    torch.manual_seed(2)
    backbone = subject.backbone(lora=LORA)
    model: Any = backbone.load_model().eval()
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    (expected,) = subject.logits(model, problem, text)
    backbone.save(model, folder / "adapter")
    merged = subject.backbone(folder / "adapter", adapter="merge")
    merged.save(merged.load_model(), folder / "merged")
    assert _names(folder / "merged") == names
    assert {name for name, _ in stream(model)} == names
    again = subject.backbone(folder / "merged")
    torch.testing.assert_close(
        subject.logits(again.load_model().eval(), problem, text)[0], expected, atol=1e-4, rtol=1e-3
    )
    assert again.encoder.end_ids == subject.encoder.end_ids
    (plain,) = subject.logits(subject.model, problem, text)
    assert (plain - expected).abs().max() > 1e-3  # the adapter says something


def _names(folder: Path) -> set[str]:
    from safetensors import safe_open

    found: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as tensors:
            found |= set(tensors.keys())
    return found


def sharded_loading(subject: Subject, folder: Path) -> None:
    """sharded loading: unit by unit the same weights, and the same fresh adapter."""
    for options in ({}, {"lora": LORA, "freeze_vision": True}):
        torch.manual_seed(3)
        expected: Any = subject.backbone(**options).load_model()
        torch.manual_seed(3)
        model: Any = subject.backbone(**options).load_sharded(lambda unit: unit)
        ours, theirs = dict(model.named_parameters()), dict(expected.named_parameters())
        assert ours.keys() == theirs.keys()
        assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == []
        assert all(torch.equal(b, dict(model.named_buffers())[name]) for name, b in expected.named_buffers())


def bfloat16(subject: Subject, folder: Path) -> None:
    """bfloat16: sampling, scoring and a training step in it."""
    backbone = subject.backbone(dtype="bfloat16")
    model: Any = backbone.load_model()
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}

    class Policy:
        encoder = backbone.encoder

    Policy.model = model  # type: ignore[attr-defined]
    sampler = TransformersSampler()
    sampler.load_policy(Policy())  # type: ignore[arg-type]
    assert len(dict(sampler.sample(subject.problems, GREEDY))) == len(subject.problems)
    total, _ = response_nll(
        model, backbone.encoder.collate(subject.problems[-1:], [backbone.encoder.response_ids("Answer: 7")])
    )
    total.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(g.isfinite().all() for g in gradients)
    prm = ProcessRewardModule(backbone)
    prm.configure_model()
    scores = prm.score(
        [Rollout(problem=p, responses=[Response(text="", steps=["a.", "b."])]) for p in subject.problems]
    )
    assert all(0 <= s <= 1 for x in scores for y in x for s in y)


def stages(subject: Subject, folder: Path) -> None:
    """four stages: warmup, labels, PRM and one iteration on the command line, with one LoRA from end to end."""
    sizes = {"seed": 4, "train": 4, "validate": 2, "test": 2}
    options = {"chat_template": subject.tiny.template} if subject.tiny.template else {}
    epochs = {"1": 1, "3": 1, "4": 1}
    recipe = write_lora_recipe(folder, subject.folder, LORA, sizes, epochs, 24, small=True, **options)
    for stage in ("1-warmup", "2-annotate", "3-prm", "4-evolve"):
        command = "annotate" if stage == "2-annotate" else "fit"
        done = lit_mstar(folder, command, "--config", str(recipe / f"{stage}.yaml"), "--seed_everything", "1")
        assert done.returncode == 0, (stage, done.stderr[-3000:])
    runs = folder / "runs" / "lora"
    warm, evolved = (adapter_of(runs / stage / "model") for stage in ("1-warmup", "4-evolve"))
    began = {k.replace(".default", ""): v for k, v in load_file(folder / "at-start.safetensors").items()}
    assert began.keys() == warm.keys() == evolved.keys()
    assert all(torch.equal(began[name], value) for name, value in warm.items())
    assert any(not torch.equal(evolved[name], value) for name, value in warm.items())
    base = json.loads((runs / "3-prm" / "model" / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert base == str(subject.folder)


CHECKS: dict[str, Callable[[Subject, Path], None]] = {
    check.__doc__.partition(":")[0]: check  # type: ignore[union-attr]
    for check in (
        prompts,
        turn_ends,
        batches,
        teacher_forcing,
        sampling,
        scoring,
        adapters,
        freezing,
        saving,
        sharded_loading,
        bfloat16,
        stages,
    )
}
