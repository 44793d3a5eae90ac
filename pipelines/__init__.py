"""Stages, the flow over them, and what records them."""
