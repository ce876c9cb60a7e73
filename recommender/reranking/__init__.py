"""From the best-scored songs to a list a person enjoys."""
