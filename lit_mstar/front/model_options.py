"""Options of commands about models."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from lit_mstar.front.parser import Parser, existing, positive


def export() -> ArgumentParser:
    """`lit-mstar export`."""
    parser = Parser(
        prog="lit-mstar export",
        description="A model (a Hugging Face folder or a PEFT adapter), a reward model or labelled steps, with a card.",
    )
    parser.add_argument("run", type=existing, help="a run's folder, one of its stages, or a model's folder")
    parser.add_argument("--out", type=Path, required=True, help="the folder; must not exist")
    parser.add_argument("--what", choices=["policy", "prm", "steps"], help="of a run; the policy by default")
    parser.add_argument("--merge", action="store_true", help="add an adapter to its base's weights")
    return parser


def chat() -> ArgumentParser:
    """`lit-mstar chat`."""
    parser = Parser(
        prog="lit-mstar chat",
        description="Talk to a model about an image; without a terminal, questions are lines of the input.",
    )
    parser.add_argument("model", help="a run's folder, a model's folder or adapter, or its name on the hub")
    parser.add_argument("image", nargs="*", type=existing, help="one or more images")
    parser.add_argument(
        "--prm",
        type=existing,
        help="a reward model, a folder or a YAML file, whose scores stand behind the steps",
    )
    parser.add_argument("--question", action="append", default=[], help="asked first; may be given more than once")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 always gives the same answer (default)")
    parser.add_argument("--max-tokens", type=positive, default=512, help="of an answer (default: 512)")
    parser.add_argument("--device", help="such as cuda or cpu; a GPU where there is one by default")
    return parser


def scorer() -> ArgumentParser:
    """`lit-mstar scorer`."""
    parser = Parser(
        prog="lit-mstar scorer",
        description="check SCORER FIXTURE: does it give its authors' scores? compare RUN SCORER…: what each "
        "would have made of a run's responses; nothing is sampled. A scorer is a PRM's folder or a YAML file.",
    )
    parser.add_argument("what", choices=["check", "compare"])
    parser.add_argument("names", nargs="+", metavar="NAME", help="see above")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="largest difference for check (default: 0.001)")
    parser.add_argument("--iteration", type=int, help="whose responses are compared on; the last by default")
    parser.add_argument("--problems", type=positive, default=500, help="most problems to compare on (default: 500)")
    parser.add_argument("--json", type=Path, help="a file for the comparison as values")
    parser.add_argument("--device", help="such as cuda or cpu; a GPU where there is one by default")
    return parser


def serve() -> ArgumentParser:
    """`lit-mstar serve`."""
    parser = Parser(
        prog="lit-mstar serve",
        description="A vLLM server that takes new weights while it runs. Options after -- go to vLLM.",
    )
    parser.add_argument("model", help="a Hugging Face folder, or the name of a model on the hub")
    parser.add_argument("--host", default="127.0.0.1", help="any other address than loopback needs --token-file")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--token-file", type=existing, help="file with the token that clients must send")
    parser.add_argument("--dtype", default="auto", help="auto is the checkpoint's, but 16 bits for float32")
    parser.add_argument("--max-images", type=int, default=1, help="most images per problem")
    parser.add_argument("--max-model-len", type=int, help="longest prompt and response together, in tokens")
    parser.add_argument("--gpu-memory-utilization", type=float, default=0.9, help="share of the device's memory")
    parser.add_argument("--tensor-parallel-size", type=int, default=1, help="devices of this server")
    parser.add_argument("--lora", type=int, metavar="RANK", help="serve adapters of up to this rank")
    return parser


def convert() -> ArgumentParser:
    """`lit-mstar convert`."""
    parser = Parser(
        prog="lit-mstar convert",
        description="Converts a sharded checkpoint (a folder) to a consolidated one (a file), or back. Sharded ones "
        "hold pickled metadata: convert only folders that you trust.",
    )
    parser.add_argument("checkpoint", type=existing)
    parser.add_argument("--out", type=Path, required=True, help="where the other kind goes; must not exist")
    return parser


def completion() -> ArgumentParser:
    """`lit-mstar completion`."""
    parser = Parser(prog="lit-mstar completion", description="Prints a script that completes commands.")
    parser.add_argument("shell", choices=["bash", "zsh"], help='eval "$(lit-mstar completion bash)" in ~/.bashrc')
    return parser
