"""Distributed training: starting the processes, global batches, strategies."""
