"""MLflow's tracking store: what is recorded there and found again."""
