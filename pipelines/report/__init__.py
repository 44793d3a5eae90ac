"""What the report page says: claims with their verdicts, and a table of all variants."""
