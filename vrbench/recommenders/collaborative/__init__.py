"""Recommenders that know the feedback alone."""
