from __future__ import annotations

import pytest
import torch

from lit_mstar import Problem, TinyBackbone
from lit_mstar.encoding.appending import append_tokens
from lit_mstar.encoding.prompt_cache import encode_prompts, equal_prompts, inference
from support.helpers import make_tiny_backbone, png

IMAGES = [(), (png(8, 8),), (png(8, 8, (0, 0, 255)),), (png(30, 10),), (png(8, 8), png(30, 10))]
PROMPTS = [
    (Problem(id=f"{i}{question}", question=question, images=images), prefix)
    for i, images in enumerate(IMAGES)
    for question in ("What is 3 + 4?", "What is 5 + 1?", "Which digit is the largest?")
    for prefix in ("", "Step 1: a.\n")
]


@pytest.fixture(scope="module")
def backbone() -> TinyBackbone:
    return make_tiny_backbone()


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_every_prompt_comes_once_in_groups_of_at_most_size(backbone: TinyBackbone, size: int):
    groups = list(equal_prompts(backbone.encoder, PROMPTS, size))
    assert sorted(i for group in groups for i in group) == list(range(len(PROMPTS)))
    assert max(map(len, groups)) <= size
    if size == 100:
        assert len(groups) == 4 * 2 * 2  # image sizes x question lengths x prefixes
        assert max(map(len, groups)) == 4  # two questions of one length with images of one size


def test_prompts_of_a_group_need_no_padding(backbone: TinyBackbone):
    encoder = backbone.encoder
    for group in equal_prompts(encoder, PROMPTS, 100):
        batch = encoder.prompts([PROMPTS[i][0] for i in group])
        tails = [torch.tensor(encoder.text_ids(PROMPTS[i][1]), dtype=torch.long) for i in group]
        batch = append_tokens(batch, tails, encoder.pad_id)
        assert batch["attention_mask"].all()
        if "pixel_attention_mask" in batch:
            alone = encoder.prompts([PROMPTS[group[0]][0]])
            assert batch["pixel_values"].shape[2:] == alone["pixel_values"].shape[2:]


def test_no_prompts_make_no_groups(backbone: TinyBackbone):
    assert list(equal_prompts(backbone.encoder, [], 4)) == []


def test_a_cache_continues_like_the_whole_sequence(backbone: TinyBackbone):
    model, encoder = backbone.load_model(), backbone.encoder
    problems = [Problem(id="p", question="What is 3 + 4?", images=images) for images in IMAGES[1:3]]
    prompts = encoder.prompts(problems)
    tail = torch.tensor([encoder.text_ids("Answer: 7"), encoder.text_ids("Answer: 8")])
    whole = append_tokens(prompts, list(tail), encoder.pad_id)
    with inference(model):
        encoded = encode_prompts(model, prompts)
        continued = model(**encoded.continued(tail)).logits
        expected = model(**whole).logits[:, -tail.shape[1] :]
    torch.testing.assert_close(continued, expected, atol=1e-5, rtol=1e-4)


def test_inference_is_without_gradients_and_dropout(backbone: TinyBackbone):
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5))
    with inference(model):
        output = model(torch.ones(1, 4))
        assert not output.requires_grad
        assert torch.equal(output, model[0](torch.ones(1, 4)))
    assert torch.is_grad_enabled()


def test_every_modules_mode_is_as_before_even_after_an_error():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(), torch.nn.Dropout()).train()
    model[1].eval()

    def fail() -> None:
        with inference(model):
            assert not any(module.training for module in model.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert torch.is_grad_enabled()
