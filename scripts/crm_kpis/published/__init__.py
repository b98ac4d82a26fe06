"""The published marts: how they are written, opened and queried."""
