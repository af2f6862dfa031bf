"""Fake users whose items are searched for, by a model of the adversary's own."""
