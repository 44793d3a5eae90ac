"""The lecture's claims and the criteria of their verdicts, by theme."""
