"""Remote repositories: other deployments of this service."""
