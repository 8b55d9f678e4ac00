"""The plain page, which reads the store whenever it runs."""

from benchmarks._plain import show
from greenai_core.store import records

show(records.table)
