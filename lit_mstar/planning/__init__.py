"""What a recipe will need, before anything is loaded: weights, memory, responses, steps.

To be read in this order: `command` (all of it), `stage` (what a stage's config says), `replica` (its model with few
layers and no weights), `activations` (what a backward pass keeps), `memory` (by kind), `workload` (responses and
steps), `estimate` (of a stage, under each strategy), `advice` (what to change), `report` (all of it as a table).
"""
