"""Black-box attacks: by queries alone, without gradients."""
