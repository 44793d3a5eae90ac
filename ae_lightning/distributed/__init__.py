"""Several processes that do one stage together: starting them, global batches, strategies."""
