"""Training objectives beside plain reconstruction, one per module."""
