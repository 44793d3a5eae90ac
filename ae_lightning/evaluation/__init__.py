"""Evaluation of trained variants: metrics, figures, tables."""
