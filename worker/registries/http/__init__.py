"""HTTP to registries: guarded connections, requests, redirects."""
