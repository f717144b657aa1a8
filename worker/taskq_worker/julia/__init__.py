"""How Julia is found, compiled ahead and started; `runner/` is what runs in it."""
