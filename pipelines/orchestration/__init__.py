"""The flow over all stages: DVC's graph, Prefect, processes and GPUs."""
