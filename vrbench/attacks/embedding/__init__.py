"""Attacks on the embeddings of a trained recommender."""
