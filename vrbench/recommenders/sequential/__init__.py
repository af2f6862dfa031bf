"""Sequential recommenders: they learn what comes next from the order of what users had."""
