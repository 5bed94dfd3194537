"""Score files of articles: read, batch, score, write, and the command that does it."""
