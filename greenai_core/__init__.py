"""Green AI Explorer: what accuracy costs in bytes, seconds, joules and carbon."""
