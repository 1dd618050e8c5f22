"""Data looked at before a run: in numbers, as a page of examples, and as a recipe.

To be read in this order: `described` (which source is meant), `statistics`, `tables`, `page`, `command` (`lit-mstar
data stats`), `init` (`lit-mstar init`).
"""
