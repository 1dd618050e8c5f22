"""`lit-mstar completion`: what a shell asks to complete a command line, and the script by which it asks."""

from __future__ import annotations

from lit_mstar.front.check import OPTIONS, SUBCOMMANDS
from lit_mstar.front.definitions import find
from lit_mstar.front.parsers import commands, parser_of

ASK = "__complete"  # `lit-mstar completion __complete WORDS…`
_SCRIPTS = {
    "bash": """_lit_mstar() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(lit-mstar completion __complete "${COMP_WORDS[@]:1:COMP_CWORD}")" -- "$2"))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$2"))
}
complete -o filenames -F _lit_mstar lit-mstar""",
    "zsh": """_lit_mstar() {
  local -a found
  found=("${(@f)$(lit-mstar completion __complete "${(@)words[2,CURRENT]}")}")
  compadd -a found
  _files
}
compdef _lit_mstar lit-mstar""",
}


def main(args: list[str]) -> None:
    """Prints the script, or what may follow the words that are there."""
    if args[:1] == [ASK]:
        print("\n".join(candidates(args[1:])))
    else:
        print(_SCRIPTS[parser_of("completion").parse_args(args).shell])


def candidates(words: list[str]) -> list[str]:
    """What the last of some words may become; nothing where a file is meant."""
    *before, last = words or [""]
    if not before:
        known = [*SUBCOMMANDS, *commands()]
    elif not last.startswith("-"):
        return []
    elif before[0] in SUBCOMMANDS:
        found = find("lightning.pytorch.Trainer")
        trainer = [f"--trainer.{parameter.name}" for parameter in (found and found.parameters()) or ()]
        own = [f"--{name}" for name in sorted(OPTIONS) if name not in SUBCOMMANDS and len(name) > 1]
        known = [*own, *trainer]
    elif before[0] in commands():
        known = [option for action in parser_of(before[0])._actions for option in action.option_strings]
    else:
        return []
    return [word for word in known if word.startswith(last)]
