"""The use cases: what each operation does, told in terms of the domain, the store and the events."""
