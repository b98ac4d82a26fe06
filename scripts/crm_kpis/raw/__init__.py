"""The raw tables: the contract, the directory and its files."""
