"""Network architectures: one file is one model."""
