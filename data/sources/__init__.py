"""Where problems come from: rows of files and tables, digits, and mixtures of these.

To be read in this order: `source` (what a source is), `digits` (the embedded one), `row_source` (rows, checked) with
`rows` (their fields), `bad_rows` and `held_out`, `file_source` and `jsonl` (your own), then `table_source` (any table)
with `tables` (files), `columns` (names) and `cells` (values), `hub` (from the net), `share_gpt` (conversations),
`mixture` (several as one), `split_source` (one divided, by a `division`).
"""

from lit_mstar.data.sources.columns import Columns
from lit_mstar.data.sources.digits import DigitsSource
from lit_mstar.data.sources.jsonl import JsonlSource
from lit_mstar.data.sources.mixture import MixtureSource
from lit_mstar.data.sources.row_source import RowSource
from lit_mstar.data.sources.share_gpt import ShareGPTSource
from lit_mstar.data.sources.source import ProblemSource, Split
from lit_mstar.data.sources.split_source import SplitSource
from lit_mstar.data.sources.table_source import HFSource, ParquetSource, TableSource, TsvSource

__all__ = [
    "Columns",
    "DigitsSource",
    "HFSource",
    "JsonlSource",
    "MixtureSource",
    "ParquetSource",
    "ProblemSource",
    "RowSource",
    "ShareGPTSource",
    "Split",
    "SplitSource",
    "TableSource",
    "TsvSource",
]
