"""The thin shell: parse, call, present, exit code. No logic."""
