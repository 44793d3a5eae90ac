"""Figures of one variant."""
