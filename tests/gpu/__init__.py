"""Everything computes on a CUDA device what it computes on the processor."""
