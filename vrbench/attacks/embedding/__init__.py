"""Attacks on model parameters: perturbed embeddings of a trained recommender."""
