"""The only place that knows tables: one SQLite database for one or several accounts. It knows no kind by name.

database      opening, guarding and copying the file; transactions; reading and writing rows
files         what the file system says of the place: another file, a network, locks that work
schema        the tables, the views for people, and how they came to be
codec         how frozen objects are kept in rows
snapshots     items as they were read from Chat
plans         what is to be done, step by step, what the targets looked like before, and what `verify` saw
runs          how each run was started, and how far it and each of its steps has come
frontier      which steps are ready
journal       what was about to be done and what came of it, committed in groups
counterparts  which item of the target stands for which item of the source
own_writes    the last write to each resource, and the values that Twilio refused to take
lock          one run at a time per account; with processes: whether its holder is alive
"""

from migrate.store.database import Store, open_store

__all__ = ["Store", "open_store"]
