"""What people have saved of the Chat API, whatever tool saved it: read once, in bounded memory.

The way of a byte: `text` unpacks and decodes, `stream` cuts the text into JSON values, `documents` finds the
resources among them, `shapes` knows how each tool writes one, `fields` and `resources` check it and name what is
missing, `reading` puts it all together.
"""

from migrate.source.saved.items import Origin, SavedItem
from migrate.source.saved.merging import Disagreement, merge
from migrate.source.saved.reading import SavedFile, SavedFiles

__all__ = ["Disagreement", "Origin", "SavedFile", "SavedFiles", "SavedItem", "merge"]
