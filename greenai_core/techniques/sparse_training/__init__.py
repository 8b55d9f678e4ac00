"""Training that drives weights to zero by itself."""
