"""The commands that use trained variants: list, compare, encode, reconstruct, generate, export."""
