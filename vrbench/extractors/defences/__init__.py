"""Defences in front of a network: steps that every picture passes first."""
