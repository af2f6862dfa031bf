"""Attacks that follow the gradient of the goal inside a ball."""
