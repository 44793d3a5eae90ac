"""One module per stage: read, call the library, write."""
