"""Settings: ``params.yaml`` as frozen models, and the machine's environment variables."""
