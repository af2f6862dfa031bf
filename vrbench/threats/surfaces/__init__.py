"""Attack surfaces: where in a shop an adversary acts."""
