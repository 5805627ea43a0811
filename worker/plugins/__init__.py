"""The use cases of plugins: one module for each kind of operation."""
