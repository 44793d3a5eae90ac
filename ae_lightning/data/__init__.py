"""Raw files to prepared arrays to batches."""
