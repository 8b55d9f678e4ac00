"""Speed claims: each `python -m benchmarks.NAME` prints the ratios it claims, measured in one run."""
