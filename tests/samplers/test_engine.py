from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from lit_mstar.rollouts.nouns import SamplingParams
from lit_mstar.samplers import VLLMSampler, VLLMServerSampler
from lit_mstar.samplers.request import make_request
from support.engines import VARIED, make_policy


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
