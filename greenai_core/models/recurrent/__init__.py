"""Networks that read an image row by row."""
