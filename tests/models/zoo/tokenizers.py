"""Small tokenizers that behave as published ones: byte-level BPE, and sentencepiece with its space at the head."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast


def byte_level(
    special: Sequence[str],
    end: str,
    pad: str,
    bos: str | None = None,
    adds_bos: bool = False,
    plain: Sequence[str] = (),
    padding_side: str = "left",
    corpus: Sequence[str] = (),
    **named: str,
) -> PreTrainedTokenizerFast:
    """A byte is a token, as in GPT-2's vocabulary before any merge; phrases of a corpus become tokens, digits do not.

    Args:
        special: Control tokens, flagged special.
        end: The tokenizer's own EOS.
        pad: What fills rows.
        bos: Written by templates, and by the tokenizer where `adds_bos`.
        adds_bos: The tokenizer writes BOS itself.
        plain: Added tokens that are not flagged special, such as `<think>`.
        padding_side: As published.
        corpus: Texts to learn merges from.
        **named: Named tokens of the tokenizer, such as `image_token`.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={byte: i for i, byte in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    if corpus:
        split = [
            pre_tokenizers.Split("\n", behavior="merged_with_previous"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)
        tokenizer.train_from_iterator(
            corpus, trainers.BpeTrainer(vocab_size=480, initial_alphabet=alphabet, show_progress=False)
        )
    return _finished(tokenizer, special, end, pad, bos, adds_bos, plain, padding_side, named)


def sentencepiece(
    special: Sequence[str],
    end: str,
    pad: str,
    bos: str,
    adds_bos: bool = True,
    padding_side: str = "left",
    **named: str,
) -> PreTrainedTokenizerFast:
    """Llama's: a space at the head of a text, spaces as U+2581, bytes for unknown characters, BOS before all."""
    pieces = ["<unk>", bos, end, *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += ["▁", *(chr(c) for c in range(33, 127)), "\n"]
    words = ["Step", "The", "digit", "is", "Answer", "sum", "of", "first", "second"]
    merges: list[tuple[str, str]] = []
    for word in words:  # a word is a piece, with and without a space before it
        for head in ("", "▁"):
            part = head or word[0]
            for letter in word[0 if head else 1 :]:
                merges.append((part, letter))
                part += letter
                pieces.append(part)
    pieces, merges = list(dict.fromkeys(pieces)), list(dict.fromkeys(merges))
    vocab = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return _finished(tokenizer, [bos, end, *special], end, pad, bos, adds_bos, (), padding_side, named)


def characters(special: Sequence[str], end: str, pad: str, **named: str) -> PreTrainedTokenizerFast:
    """A character of printable ASCII is a token."""
    vocab = {chr(c): i for i, c in enumerate([10, *range(32, 127)])}
    tokenizer = Tokenizer(models.WordLevel(vocab | {"<unk>": len(vocab)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return _finished(tokenizer, special, end, pad, None, False, (), "right", named)


def _finished(
    tokenizer: Tokenizer,
    special: Sequence[str],
    end: str,
    pad: str,
    bos: str | None,
    adds_bos: bool,
    plain: Sequence[str],
    padding_side: str,
    named: dict[str, str],
) -> PreTrainedTokenizerFast:
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in plain])
    if adds_bos:
        assert bos
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=end,
        pad_token=pad,
        bos_token=bos,
        padding_side=padding_side,
        extra_special_tokens=named,
        clean_up_tokenization_spaces=False,
    )
