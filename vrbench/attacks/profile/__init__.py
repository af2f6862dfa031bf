"""Fake users: what an adversary registers and rates."""
