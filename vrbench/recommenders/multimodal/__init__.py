"""Multimodal recommenders on graphs."""
