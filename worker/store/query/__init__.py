"""Compiles the query language to MongoDB: pure functions from the contract's models to filters and
pipelines.
"""

from worker.store.query.match import Reach, Shortcuts, compile_head, fixed_keys
from worker.store.query.rows import compile_page, compile_projection, compile_sort
from worker.store.query.statistics import compile_statistics

__all__ = [
    "Reach",
    "Shortcuts",
    "compile_head",
    "compile_page",
    "compile_projection",
    "compile_sort",
    "compile_statistics",
    "fixed_keys",
]
