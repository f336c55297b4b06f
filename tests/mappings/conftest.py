"""What the tests of the mappings share: a translated service that is easy to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from mapping_views import nest

from mappings import ChatService, Outcome, Resource, Translation, translate


@dataclass(frozen=True)
class Translated:
    """A translation with short ways to its parts."""

    translation: Translation

    def outcome(self, source: str) -> Outcome:
        """The one outcome of a source path."""
        (outcome,) = (each for each in self.translation.outcomes if each.source == source)
        return outcome

    def verdict(self, source: str) -> str:
        """The verdict of a source path."""
        return self.outcome(source).verdict.value

    def settings(self, resource: Resource) -> Mapping[str, Any]:
        """The settings of a resource."""
        return self.translation.settings.get(resource, {})


@pytest.fixture
def translated() -> Callable[..., Translated]:
    """Translates a service that was examined whole; dotted paths stand for nested objects."""

    def run(v2: Any = None, v1: Any = None, roles: Any = (), *, same: bool = True) -> Translated:
        service = ChatService("IS1", nest(v1 or {}), nest(v2 or {}), tuple(roles))
        return Translated(translate(service, same_service=same))

    return run
