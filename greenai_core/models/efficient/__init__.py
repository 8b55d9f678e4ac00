"""Convolutional networks designed for few products and few weights."""
