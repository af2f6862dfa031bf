"""Input-transformation defences: preprocessing in front of a network."""
