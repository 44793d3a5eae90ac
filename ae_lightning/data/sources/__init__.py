"""Raw data sets: sources, downloads, checksums."""
