"""The service's webhooks: which events call which URL, and what their receivers will see."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from mappings.leaves import ServiceLeaves
from mappings.rows import JudgedLeaf
from mappings.webhooks import per_event, settings
from mappings.webhooks.merging import merge_webhooks

ROWS = (*settings.ROWS, *per_event.ROWS)
FIELDS = settings.FIELDS + per_event.FIELDS


def findings(source: ServiceLeaves) -> Iterator[JudgedLeaf]:
    """Yield what becomes of the webhooks."""
    merge = merge_webhooks(source)
    return chain(settings.findings(source, merge), per_event.findings(source, merge))
