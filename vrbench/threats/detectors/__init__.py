"""Detection: of fake profiles before training, and of adversarial pictures."""
