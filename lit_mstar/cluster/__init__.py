"""Work on other machines: Ray places, restarts and feeds processes that each hold a tool, an engine or a scorer.

To be read in this order: `connection` (to a cluster that exists, or one of this machine alone), `worker` (what runs in
an actor), `member` (one actor, as the driver knows it), `crew` (all actors with the same tool), `pull` (work that
whoever is free takes), `parcels` (what travels once per node: images, weights, folders), `board` (where actors find the
weights). Ray is imported when it is needed.
"""
