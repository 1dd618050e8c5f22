"""Our own code is searched for what runs what it reads."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(file for name in ("lit_mstar", "data", "callbacks") for file in (ROOT / name).rglob("*.py"))
CODE = {  # what must not be called: by name, or by module and name
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.load_all", "yaml.full_load",
    "yaml.unsafe_load", "tempfile.mktemp", "subprocess.getoutput", "subprocess.getstatusoutput",
}  # fmt: skip
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "telnetlib", "xml", "runpy"}
LOADERS = {"torch.load", "load_from_checkpoint", "load_state_dict_from_url"}  # only with weights_only=True
FORBIDDEN = {("shell", True), ("trust_remote_code", True), ("weights_only", False), ("allow_pickle", True)}


def dangers(source: str) -> list[str]:
    """Calls that run what they are given, and addresses that listen to everybody."""
    tree = ast.parse(source)
    compared = {id(n) for x in ast.walk(tree) if isinstance(x, ast.Compare) for n in ast.walk(x)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found += [f"import {name}" for name in names if name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.Constant) and node.value in ("0.0.0.0", "::") and id(node) not in compared:  # noqa: S104
            found.append(node.value)
        elif isinstance(node, ast.Call):
            name, keywords = ast.unparse(node.func), {k.arg: k.value for k in node.keywords}
            values = {(key, v.value) for key, v in keywords.items() if isinstance(v, ast.Constant)}
            loads = any(name == x or name.endswith(f".{x}") for x in LOADERS) and ("weights_only", True) not in values
            found += [name] * (name in CODE or loads)
            found += [f"{key}={value}" for key, value in values & FORBIDDEN]
        elif isinstance(node, ast.arguments):
            plain = [*node.posonlyargs, *node.args]
            pairs = zip([*plain[len(plain) - len(node.defaults) :], *node.kwonlyargs], node.defaults + node.kw_defaults)
            given = {(a.arg, d.value) for a, d in pairs if isinstance(d, ast.Constant)}
            found += [f"{key}={value}" for key, value in given & FORBIDDEN]
    return found


@pytest.mark.parametrize(
    "file", sorted(f for x in ("lit_mstar", "data", "callbacks") for f in (ROOT / x).rglob("*.py"))
)
def test_nothing_of_ours_runs_what_it_reads(file: Path):
    assert dangers(file.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "eval(x)", "exec(x)", "import pickle", "from pickle import loads", "import os, marshal", "torch.load(f)",
        "torch.load(f, weights_only=False)", "torch.load(f, weights_only=safe)", "yaml.load(f)", "os.system(x)",
        "subprocess.run(x, shell=True)", "C.from_pretrained(p, trust_remote_code=True)", "serve(host='0.0.0.0')",
        "def f(trust_remote_code=True): ...", "def f(a, *, b=1, shell=True): ...", "np.load(f, allow_pickle=True)",
        "M.load_from_checkpoint(f)", "host = '0.0.0.0'", "def f(host: str = '0.0.0.0'): ...",
    ],
)  # fmt: skip
def test_a_danger_would_be_found(line: str):
    assert len(dangers(line)) >= 1


@pytest.mark.parametrize(
    "line",
    [
        "model.eval()", "torch.load(f, weights_only=True)", "yaml.safe_load(f)", "re.compile(x)", "subprocess.run(x)",
        "C.from_pretrained(p, trust_remote_code=self.trust)", "host in ('0.0.0.0', '::')", "x[::2]",
    ],
)  # fmt: skip
def test_what_is_safe_is_not_taken_for_a_danger(line: str):
    assert dangers(line) == []
