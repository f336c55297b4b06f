"""The commands as plain functions: importable, no click inside. `migrate.cli` parses and calls them."""
