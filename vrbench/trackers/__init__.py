"""Where the numbers, curves and pictures of a run are sent, besides its own folder."""
