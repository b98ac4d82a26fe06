"""A synthetic company on the raw contract."""
