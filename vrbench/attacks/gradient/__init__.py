"""White-box attacks by projected gradient within a norm ball."""
