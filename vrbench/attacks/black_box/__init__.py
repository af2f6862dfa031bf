"""Attacks that ask for answers, and are given no gradient."""
