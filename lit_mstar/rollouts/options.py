"""Options of multiple-choice questions."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
import re


def bare_options(choices):
    out = []
    for i, c in enumerate(choices):
        m = re.match(rf"\s*(?:\({LETTERS[i % 26]}\)|{LETTERS[i % 26]}[.):])\s*(\S.*)", c, re.I | re.S)
        if not m:
            return tuple(choices)
        out.append(m[1])
    return tuple(out)
