"""The commands as plain functions: importable, no click inside. `migrate.cli.main` parses and calls them."""
