"""Codes and reconstructions to figures and pictures."""
