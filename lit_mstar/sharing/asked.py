"""How a model was asked, as values in the code on its card."""

from __future__ import annotations

import json

from lit_mstar.models.backbone import Backbone


def asked_code(backbone: Backbone) -> dict[str, str]:
    """The pieces of code in which cards differ; each is Python.

    `prompt_code` makes the user's turn of `question` ("" where it is the question alone), `system_code` stands before
    the user's turn, `template_code` among the arguments of the chat template, `special_code` among the processor's.
    """
    said = backbone.said()
    prompt = said["prompt"].replace("{choices}", "")
    system = {"role": "system", "content": [{"type": "text", "text": said["system"]}]} if said["system"] else None
    return {
        "prompt_code": "" if prompt == "{question}" else f'{_literal(prompt)}.replace("{{question}}", question)',
        "system_code": f"{_literal(system)}, " if system else "",
        "template_code": "".join(f", {name}={value!r}" for name, value in said["template"].items()),
        "special_code": ", add_special_tokens=False" if backbone.encoder.writes_bos else "",
    }


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # of texts and lists of them, the same as Python's
