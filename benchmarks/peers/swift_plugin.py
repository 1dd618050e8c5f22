"""What ms-swift needs to know of the tiny model: its template, which answers are right, and its reward model.

`swift sample` and `swift sft` import it by `--external_plugins`; `reward_model/` is what stage 3 of the quickstart
leaves in its `model/` folder, in the folder that the command is run in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file
from swift.rewards import ORM, PRM, orms, prms
from swift.template import Template, TemplateMeta, register_template
from swift.template.utils import align_image_inputs
from torch import nn
from transformers import AutoModel, AutoProcessor

torch.set_num_threads(1)
IMAGE = "<image>"


class TinyTemplate(Template):
    """The image's placeholder as so many tokens as the image has, and its pixels."""

    placeholder_tokens = [IMAGE]

    def _encode(self, inputs: Any) -> dict[str, Any]:
        encoded = super()._encode(inputs)
        text = self.processor.decode(encoded["input_ids"])
        seen = self.processor(text=text, images=inputs.images, return_tensors="pt", add_special_tokens=False)
        token = self.processor.tokenizer.convert_tokens_to_ids(IMAGE)
        found = align_image_inputs(encoded["input_ids"], encoded["labels"], seen["input_ids"][0], token)
        encoded["input_ids"], encoded["labels"] = found
        return encoded | {"pixel_values": seen["pixel_values"]}


register_template(
    TemplateMeta(
        "tiny",
        prefix=["<bos>"],
        prompt=["{{QUERY}}\n"],
        chat_sep=["<end_of_utterance>\n"],
        suffix=["<end_of_utterance>"],
        template_cls=TinyTemplate,
    )
)


class RightAnswer(ORM):
    """1 where what follows "Answer:" is the known answer, else 0."""

    def __call__(self, infer_requests: list[Any], ground_truths: list[str], **_: Any) -> list[float]:
        texts = (request.messages[-1]["content"] for request in infer_requests)
        return [
            float(text.rpartition("Answer:")[2].strip() == truth)
            for text, truth in zip(texts, ground_truths, strict=True)
        ]


class TinyPRM(PRM):
    """The least probability of a response's steps: a scalar head at the last token of each, all responses at once."""

    def __init__(self) -> None:
        folder = Path("reward_model")
        self.processor = AutoProcessor.from_pretrained(folder)
        self.processor.tokenizer.padding_side = "right"
        self.model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        state = load_file(folder / "prm_head.safetensors")
        self.head = nn.Linear(state["weight"].shape[1], 1)
        self.head.load_state_dict({name: state[name] for name in ("weight", "bias")})
        self.line_ends = torch.tensor(
            [
                i for token, i in self.processor.tokenizer.get_vocab().items() if token.endswith("Ċ")
            ]  # as BPE writes "\n"
        )

    @torch.inference_mode()
    def __call__(self, infer_requests: list[Any], **_: Any) -> list[float]:
        prompts = ["<bos>" + request.messages[0]["content"] + "\n" for request in infer_requests]
        texts = [
            prompt + request.messages[-1]["content"].strip() + "\n"
            for prompt, request in zip(prompts, infer_requests, strict=True)
        ]
        images = [[Image.open(request.images[0])] for request in infer_requests]
        inputs = self.processor(text=texts, images=images, return_tensors="pt", padding=True, add_special_tokens=False)
        ends = torch.isin(inputs["input_ids"], self.line_ends)  # (R, T), the prompt's own among them
        ends &= ends.cumsum(1) > 1
        probabilities = self.head(self.model(**inputs).last_hidden_state).squeeze(-1).sigmoid()  # (R, T)
        return probabilities.masked_fill(~ends, 1.0).amin(1).tolist()


orms["right_answer"] = RightAnswer
prms["tiny"] = TinyPRM
