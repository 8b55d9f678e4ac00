"""A small network learns from the outputs of others."""
