"""Stages, orchestration, tracking, serving, report and command line."""
