"""The lecture's claims: what decides on each, by theme."""
