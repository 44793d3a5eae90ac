"""The command line: ``main``, a module per group of commands, and a module per command."""
