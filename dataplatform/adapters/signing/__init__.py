"""Keys that sign releases and verdicts."""
