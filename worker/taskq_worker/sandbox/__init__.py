"""How task code is kept from everything else: a user, a mount namespace, limits."""
