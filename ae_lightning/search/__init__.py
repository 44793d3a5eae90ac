"""Search: the nearest of all examples to a query, from the artifacts of a variant alone."""
