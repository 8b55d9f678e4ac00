"""Fitting a network: from random weights, from other weights, and on after a change."""
