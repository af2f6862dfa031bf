"""Recommenders that look at pictures."""
