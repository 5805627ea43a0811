"""Documents that an operator writes: JSON and YAML."""
