"""How well questions find their tables and columns: `make eval`."""
