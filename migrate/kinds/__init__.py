"""One module a kind of thing that is migrated, and their registry."""
