"""``ae search``."""
