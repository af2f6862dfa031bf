"""Collaborative filtering: recommenders trained on feedback alone."""
