"""Variants of a recipe over several seeds.

To be read in this order: `command` (all of it), `definition` (what a study file says), `plan` (which stages that
takes), `results` (what they found), `intervals` (and how surely), `report` and `plots` (for people).
"""
