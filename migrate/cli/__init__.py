"""The thin shell."""
