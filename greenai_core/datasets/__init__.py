"""Labelled images: one file is one data set."""
