"""How recommenders are trained: epochs, pairs, negatives, an adversarial phase."""
