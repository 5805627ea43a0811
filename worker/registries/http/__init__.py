"""HTTP to registries: guarded connections, requests, redirects, and what a refusal means."""
