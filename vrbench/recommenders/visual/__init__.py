"""Visual recommenders: their scores depend on pictures."""
