"""Where records, checkpoints and published tables are kept."""
