"""Documents: reading, tokens, bags of words and sequences, preparation."""
