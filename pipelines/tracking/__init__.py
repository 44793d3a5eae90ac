"""MLflow's tracking store: recording, queries and presentation of runs."""
