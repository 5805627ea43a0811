"""Which registries may be named: addresses, hosts, the list of the allowed."""
