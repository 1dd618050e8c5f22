"""A trained model handed on: to others as a folder with a card, to oneself as somebody to talk to.

To be read in this order: `command` (`lit-mstar export`), `exported` (what a folder is), `policy`, `prm` and `steps`
(how each is written), `cards` (what is said of it), `asked` (code on a card), `chat` (`lit-mstar chat`), `streamed` (an
answer as it comes).
"""
