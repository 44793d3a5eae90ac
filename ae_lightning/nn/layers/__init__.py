"""The kinds of autoencoder layer, and what they are built from."""
