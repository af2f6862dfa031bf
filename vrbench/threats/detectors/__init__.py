"""Who looks for fake users in front of a training."""
