"""The only place that knows tables: one SQLite database for one or several accounts. It knows no kind by name.

database      opening and guarding the file; transactions; reading in bounded batches
files         what the file system says of the place: another file, a network, locks that work
schema        the tables, the views for people, and how they came to be
snapshots     items as they were read from Chat
plans         what is to be done, and what the targets looked like before; with steps, verified and codec
runs          how each run was started and how far it has come; with states: where each step stands
frontier      which steps are ready
journal       what was about to be done and what came of it, committed in groups
counterparts  which item of the target stands for which item of the source
own_writes    the last write to each resource
refusals      values that Twilio refuses
lock          one run at a time per account; with processes: whether its holder is alive
"""

from migrate.store.database import Store, open_store

__all__ = ["Store", "open_store"]
