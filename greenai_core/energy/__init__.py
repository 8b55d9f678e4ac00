"""Joules: how they are read, how sure they are, and what they may be compared with."""
