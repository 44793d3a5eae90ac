"""Layers, stacks of layers, losses, optimisers."""
