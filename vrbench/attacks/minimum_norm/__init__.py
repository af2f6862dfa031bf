"""Minimum-norm attacks: the smallest perturbation that reaches the goal."""
