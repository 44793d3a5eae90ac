"""Kinds of autoencoder layer and their building blocks."""
