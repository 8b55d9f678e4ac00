"""Ways to train or compress a model: one file is one technique."""
