"""Repositories beside the local one: folders of managed plugins, and other deployments."""
