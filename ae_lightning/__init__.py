"""The classic deep-autoencoder family: data, networks, training, evaluation."""

import os

# GNU OpenMP's threads, which PyTorch computes with, wait for each other by spinning, by default for
# milliseconds. Beside any other busy process that slows a training tenfold and more; spinning for
# microseconds costs next to nothing alone (benchmarks/side_by_side.py). Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
