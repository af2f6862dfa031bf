"""Robustness certificates: feature perturbations that cannot bring an item into a list."""
