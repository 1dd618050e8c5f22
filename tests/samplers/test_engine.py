from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_mstar.data import DigitsSource, SupervisedDataModule
from lit_mstar.encoding.probes import PROBES
from lit_mstar.encoding.prompt_cache import inference
from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import VLLMSampler, VLLMServerSampler
from lit_mstar.samplers.engine import EngineSampler
from lit_mstar.samplers.request import Completion, Request, make_request
from support.engines import VARIED, make_policy, shake
from support.scripted import make_policy as make_scripted_policy
from support.scripted import make_trainer


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_the_extra_is_named():
    with pytest.raises(ImportError, match=r"pip install 'lit-mstar\[vllm\]'"):
        VLLMSampler()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"urls": []}, "must name at least one"),
        ({"urls": ["127.0.0.1:8000"]}, r"\['127.0.0.1:8000'\]; it must name at least one http"),
        ({"urls": ["http://x"], "outstanding": 0}, "outstanding is 0"),
        ({"urls": ["http://x"], "tolerance": 0.0}, r"VLLMServerSampler\.tolerance is 0.0"),
    ],
)
def test_bad_settings_are_refused_at_once(options: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        VLLMServerSampler(**options)


def test_a_missing_token_file_is_said(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="token"):
        VLLMServerSampler(["http://x"], token_file=str(tmp_path / "token"))


def test_a_request_says_what_vllm_must_know():
    encoder = make_policy().encoder
    request = make_request(encoder, VARIED[2], "Step 1", SamplingParams(n=3, temperature=0.5, stop=("x",), seed=4))
    assert request.prompt_ids == encoder.prompt_ids(VARIED[2]) + encoder.text_ids("Step 1")
    assert (request.params["n"], request.params["temperature"], request.params["stop"]) == (3, 0.5, ["x"])
    assert request.images == VARIED[2].images
    assert request.params["stop_token_ids"] == [encoder.end_id]
    assert set(request.params["logit_bias"]) == set(encoder.forbidden_ids)
    seeds = {
        make_request(encoder, p, x, SamplingParams(seed=s)).params["seed"] for p in VARIED for x in "ab" for s in (0, 1)
    }
    assert len(seeds) == 64 * 2 * 2
    assert make_request(encoder, VARIED[0], "", SamplingParams(n=3, temperature=0.0)).params["n"] == 1


class Echo(EngineSampler):
    """An engine that is the trainer's own model, with so much added to each log-probability."""

    def __init__(self, off: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.off, self.checks = off, 0

    def _update(self, policy: Any, version: str) -> None:
        self.policy = policy

    def _complete(self, requests: Iterable[Request]) -> Iterator[tuple[int, Completion]]:
        self.checks += 1
        model, encoder = self.policy.model, self.policy.encoder
        for position, probe in enumerate(PROBES):
            batch = encoder.prompts([probe])
            with inference(model):
                logits = model(**batch).logits[0, -1].float()
            logits[encoder.forbidden_ids] = -torch.inf
            token = int(logits.argmax())
            with inference(model):
                ours = float(model(**batch).logits[0, -1].log_softmax(-1)[token])
            prompt = batch["input_ids"][0].tolist()
            yield position, Completion(token_ids=[[token]], prompt_ids=prompt, logprobs=[[ours + self.off]])


@pytest.mark.parametrize(("check", "checks"), [("always", 3), ("first", 1), ("never", 0)])
def test_every_update_is_checked_unless_it_is_not_to_be(check: Any, checks: int):
    policy, sampler = make_policy(), Echo(check=check)
    for seed in range(3):
        sampler.load_policy(policy)
        sampler.load_policy(policy)  # nothing has changed, so nothing is sent
        shake(policy, seed)
    assert sampler.checks == checks
    assert sampler.drift == (pytest.approx(0, abs=1e-5) if checks else None)


def test_drift_is_measured_and_ends_the_run_beyond_the_tolerance():
    policy = make_policy()
    sampler = Echo(off=5e-4)
    sampler.load_policy(policy)
    assert sampler.drift == pytest.approx(5e-4, abs=1e-5)
    sampler.off = 2e-3
    shake(policy, 1)
    with pytest.raises(RuntimeError, match=r"differ by 0.002 nats.*tolerance 0.001"):
        sampler.load_policy(policy)


def test_drift_is_logged_with_the_iteration(tmp_path: Path):
    policy = make_scripted_policy(Echo(off=5e-4))
    policy.sampler.load_policy(policy)
    digits = DigitsSource(seed=4, validate=0, test=0)
    trainer = make_trainer(tmp_path)
    trainer.fit(policy, SupervisedDataModule(digits, batch_size=2))
    assert float(trainer.callback_metrics["sampler/drift"]) == pytest.approx(5e-4, abs=1e-5)
