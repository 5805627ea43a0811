"""How often a registry may be asked: pace, slots, cooldown, circuit."""
