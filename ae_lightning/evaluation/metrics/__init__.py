"""Metrics of codes and reconstructions."""
