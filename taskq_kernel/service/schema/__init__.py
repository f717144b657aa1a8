"""The schema: its types, its root fields, and how its input becomes the store's values."""
