"""Whole channels, filters or layers are cut out; the tensors shrink."""
