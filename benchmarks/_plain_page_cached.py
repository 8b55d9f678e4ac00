"""The plain page, once somebody has found Streamlit's cache: the store is read for the first person only."""

import streamlit as st

from benchmarks._plain import show
from greenai_core.store import records

show(st.cache_data(records.table))
