"""Snapshot + target → plan."""
