"""The report page: claims with their verdicts, a table of all variants, figures."""
