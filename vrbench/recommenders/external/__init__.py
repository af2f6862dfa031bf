"""Recommenders that somebody else runs."""
