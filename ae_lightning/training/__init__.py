"""Training: greedy layers, fine-tuning, closed forms, classifiers."""
