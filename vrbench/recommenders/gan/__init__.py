"""Recommenders of two players: a generator against a discriminator."""
