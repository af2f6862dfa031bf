"""Semantic attacks: what a picture shows is changed, without a norm bound on pixels."""
