"""A vision-language model of a fraction of a million weights, built from nothing on the spot.

It is an Idefics3 (a ViT, a pixel-shuffling connector, a Llama) with random weights and a byte-level BPE learned
from a few sentences: the same code paths as a real model, on a laptop. It leaves out image tiling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, cast

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from lit_mstar.models.backbone import Backbone

_SPECIAL = ("<pad>", "<bos>", "<end_of_utterance>", "<fake_token_around_image>", "<global-img>", "<image>")
_TEMPLATE = (
    "<bos>{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{{ '\n' }}{% endfor %}"
)


class TinyBackbone(Backbone):
    """A small random model; seed it with `seed_everything`.

    Args:
        corpus: Sentences that the tokenizer learns its merges from; any other text still encodes, byte by byte.
        vocab_size: Largest vocabulary; bytes and special tokens take 262 of it. Digits are never merged.
        hidden_size: Width D of the text model.
        num_layers: Depth of the text model.
        num_heads: Attention heads of the text model; vLLM's CPU kernels want heads of width 32 or 64.
        intermediate_size: Width of the text model's MLPs.
        vision_size: Width of the vision tower; its MLPs are 3 times as wide.
        vision_layers: Depth of the vision tower; it has as many heads as the text model.
        image_size: Images are scaled to this many pixels on the longer side.
        patch_size: Side of a vision patch, in pixels.
        scale_factor: Side of the squares of patches merged into one image token.
        prompt: As in `Backbone`.
    """

    def __init__(
        self,
        corpus: Sequence[str],
        vocab_size: int = 350,
        hidden_size: int = 64,
        num_layers: int = 3,
        num_heads: int = 2,
        intermediate_size: int = 192,
        vision_size: int = 64,
        vision_layers: int = 2,
        image_size: int = 32,
        patch_size: int = 8,
        scale_factor: int = 2,
        prompt: str = "{question}{choices}",
    ) -> None:
        super().__init__(path="", prompt=prompt)
        self.corpus = list(corpus)
        self.vocab_size = vocab_size
        self.text = {
            "hidden_size": hidden_size,
            "num_hidden_layers": num_layers,
            "num_attention_heads": num_heads,
            "num_key_value_heads": num_heads,
            "intermediate_size": intermediate_size,
        }
        self.vision = {
            "hidden_size": vision_size,
            "num_hidden_layers": vision_layers,
            "num_attention_heads": num_heads,
            "intermediate_size": 3 * vision_size,
            "image_size": image_size,
            "patch_size": patch_size,
        }
        self.scale_factor = scale_factor

    def check(self) -> None:
        """Nothing to find on disk."""

    @cached_property
    def config(self) -> Idefics3Config:
        """The configuration of the model."""
        tokenizer = self.processor.tokenizer  # type: ignore[attr-defined]
        ids: dict[str, Any] = {
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        }
        text = self.text | ids | {"vocab_size": len(tokenizer), "max_position_embeddings": 1024, "model_type": "llama"}
        return Idefics3Config(
            architectures=[Idefics3ForConditionalGeneration.__name__],
            text_config=text,
            vision_config=self.vision,
            scale_factor=self.scale_factor,
            image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
            tie_word_embeddings=False,
            **ids,
        )

    def _stops(self) -> list[int]:
        return []

    @cached_property
    def processor(self) -> ProcessorMixin:
        """A processor that gives one image (image_size / patch_size / scale_factor)² tokens."""
        size = {"longest_edge": self.vision["image_size"]}
        return Idefics3Processor(
            image_processor=Idefics3ImageProcessorPil(size=size, max_image_size=size, do_image_splitting=False),
            tokenizer=_learn_tokenizer(self.corpus, self.vocab_size),
            image_seq_len=(self.vision["image_size"] // self.vision["patch_size"] // self.scale_factor) ** 2,
            chat_template=_TEMPLATE,
        )

    def _pretrained(self, head: bool) -> PreTrainedModel:
        model = Idefics3ForConditionalGeneration(self.config)  # type: ignore[no-untyped-call]
        return model if head else cast(PreTrainedModel, model.model)

    def _described(self, head: bool) -> tuple[PreTrainedModel, Callable[[nn.Module], None]]:
        return self._pretrained(head), lambda unit: None  # small enough to be whole for a moment


def _learn_tokenizer(corpus: Sequence[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE in which every digit is a token of its own and no token reaches over the end of a line.

    Frequent phrases become single tokens, so chains are short and cheap; line ends stay token ends, so a prefix of
    whole steps has the same tokens alone as within its response.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", behavior="merged_with_previous"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="<pad>",  # noqa: S106
        bos_token="<bos>",  # noqa: S106
        eos_token="<end_of_utterance>",  # noqa: S106
        additional_special_tokens=list(_SPECIAL[3:]),
    )
