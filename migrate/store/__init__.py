"""The only place that knows tables: one SQLite database per migration, written through sqlite-utils.

database    opening, guarding and locking the file
schema      the tables, their views, and how they came to be
snapshots   what was read from Chat
plans       what is to be done, and what the targets looked like before
journal     what was about to be done and what came of it
lock        one run at a time
"""

from migrate.store.database import Store, open_store

__all__ = ["Store", "open_store"]
