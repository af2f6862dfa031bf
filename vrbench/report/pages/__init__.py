"""Pages that stand alone: the leaderboard, an audit."""
