"""Managed repositories: folders of plugin documents."""
