"""Papers as data: what they claim and printed, and whether ours agrees."""
