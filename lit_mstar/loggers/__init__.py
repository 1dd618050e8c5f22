"""What loggers are told: measures in six groups, figures and histograms through whatever a logger has for them.

To be read in this order: `groups` (which measure goes where), `pictures` (figures and histograms), `layout` (the charts
that matter first, in TensorBoard), `hyperparameters` (a config as a flat table).
"""
