"""A client whose every call goes through the retry layer."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.api.gateway import Reader
from migrate.api.messages import Answer, Check, Json, Surface
from migrate.api.retry import Retrier


class Patient:
    """Reads like the client that it is given, and tries again as the retry layer says.

    Args:
        reader: the client.
        retrier: the retry layer.
    """

    def __init__(self, reader: Reader, retrier: Retrier) -> None:
        self._reader = reader
        self._retrier = retrier

    def ahead(self) -> int:
        """See `Pace.ahead`."""
        return self._reader.pace.ahead()

    async def get(
        self,
        surface: Surface,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        check: Check | None = None,
    ) -> Answer:
        """See `Reader.get`."""
        return await self._retrier.call(lambda: self._reader.get(surface, path, query=query, check=check))

    async def page(
        self, surface: Surface, where: str, key: str, *, query: Mapping[str, object]
    ) -> tuple[list[Json], str | None]:
        """See `Reader.page`."""
        return await self._retrier.call(lambda: self._reader.page(surface, where, key, query=query))
