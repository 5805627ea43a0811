"""The cases, in the order in which they run."""

from tests.bench.case import Case
from tests.bench.cases import (
    alone,
    batched,
    ceilings,
    first_of_many,
    get_latency,
    get_load,
    get_throughput,
    group_size,
    idle,
    list_page,
    memory,
    single,
    waiting,
    workers,
)

CASES: tuple[Case, ...] = (
    single.CASE,
    batched.CASE,
    get_latency.CASE,
    get_throughput.CASE,
    alone.CASE,
    first_of_many.CASE,
    ceilings.CASE,
    idle.CASE,
    waiting.CASE,
    group_size.CASE,
    workers.CASE,
    get_load.CASE,
    list_page.CASE,
    memory.CASE,
)
