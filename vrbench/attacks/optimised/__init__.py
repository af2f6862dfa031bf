"""Optimisation-based data poisoning: fake profiles searched for on a surrogate model."""
