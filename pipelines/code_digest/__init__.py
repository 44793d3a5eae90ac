"""Digests of what the code means for each stage and item, by which DVC decides what is stale."""
