"""Snapshots of the published marts, and what changed between two."""
