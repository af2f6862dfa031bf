"""Shilling attacks: fake user profiles that an adversary registers."""
