"""Models of ratings: they predict stars, or rank."""
