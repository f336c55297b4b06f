"""Chat → snapshot: live, or from saved files."""
