"""Runs in the background: the queue, who works on it, and who may add to it."""
