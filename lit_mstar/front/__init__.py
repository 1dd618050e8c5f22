"""What the command can say before torch is imported, and how it says what went wrong.

To be read in this order: `recipe` (how configs are read), `changes` (how they differ), `definitions` (classes, read
from their files without running them), `described` (what a config describes), `inputs` and `check` (mistakes in a
command), `help`, `parser` (how options are parsed), `run_options` and `model_options` (those of commands that are not
Lightning's), `parsers` (all of these by name), `completion`, `errors`.
"""
