"""Raw data sets: where they can be had, and what they must be byte for byte."""
