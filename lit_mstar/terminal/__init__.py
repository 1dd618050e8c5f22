"""What a run shows while it works, and what it leaves on the terminal.

To be read in this order: `phases` (what a run is doing, and for how long), `display` (the progress bar of all stages),
`lines` (those that stay), `output` (what is kept of what libraries say).
"""
