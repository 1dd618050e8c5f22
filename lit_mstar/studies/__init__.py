"""Variants of a recipe over several seeds.

To be read in this order: `command` (all of it), `definition` (what a study file says) of `nouns` (claims, tables, a
plan), `plan` (which stages that takes), `running` (of them), `results` (what they found), `intervals` (and how surely),
`power` (and what could have been seen), `verdicts` (on the claims), then for people `report`, `claims`, `wording`,
`plots` and `forest`.
"""
