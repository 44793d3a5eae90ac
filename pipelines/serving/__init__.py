"""Models for use elsewhere: MLflow's registry, packages, champions."""
