"""A slot: one warm Julia process, and what runs in it."""
