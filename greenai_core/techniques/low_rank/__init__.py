"""Layers written as products of smaller ones."""
