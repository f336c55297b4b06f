"""Frozen data that crosses rooms."""
