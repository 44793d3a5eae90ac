"""The command line: ``main``, a module per group of commands, and what the commands do."""
