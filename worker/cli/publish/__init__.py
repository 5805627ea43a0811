"""The published contract: JSON Schemas and AsyncAPI."""
