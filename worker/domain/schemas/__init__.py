"""Checks JSON Schemas against the meta-schema of their draft."""
