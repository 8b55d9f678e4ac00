"""Fewer bits for each number; each writes the file that is deployed."""
