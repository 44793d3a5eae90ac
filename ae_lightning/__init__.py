"""The classic deep-autoencoder family: data, networks, training, evaluation."""
