"""Clients of the simulator and of a server with literal answers, with waits too short to notice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from migrate.api.gateway import Reader, Remover, Writer
from migrate.api.pace import Pace
from migrate.api.retry import Patience, Retrier
from migrate.core.config import Credentials, Endpoints, endpoints, source_credentials
from migrate.core.stop import StopToken
from migrate.simulator import Simulator

ACCOUNT = "AC" + "1" * 32
CREDENTIALS = Credentials(ACCOUNT, ACCOUNT, "secret")
IMPATIENT = Patience(first_wait=0.001, throttled_wait=0.001, longest_wait=0.002)


def of(kind: type[Reader], simulator: Simulator, concurrency: int | None = None, **environ: str) -> Any:
    """A client of a simulator; `environ` adds variables."""
    variables = {**simulator.environment(), **environ}
    return kind(source_credentials(variables), endpoints(variables), concurrency=concurrency)


def reader_of(simulator: Simulator, concurrency: int | None = None, **environ: str) -> Reader:
    """A client that cannot write."""
    return of(Reader, simulator, concurrency, **environ)


def writer_of(simulator: Simulator, concurrency: int | None = None, **environ: str) -> Writer:
    """A client that can."""
    return of(Writer, simulator, concurrency, **environ)


def client_at(
    url: str, *, pace: Pace | None = None, stop: StopToken | None = None, **settings: Any
) -> Remover:
    """A client of whatever listens at `url`."""
    places = Endpoints(chat_url=url, conversations_url=url, accounts_url=url, **settings)
    return Remover(CREDENTIALS, places, pace=pace, stop=stop)


def impatient(**options: Any) -> Retrier:
    """A retry layer that hardly waits."""
    return Retrier(IMPATIENT, **options)


class Wire:
    """A server that reads whole requests and answers what it is told, byte by byte."""

    def __init__(self, answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._answer = answer
        self.requests: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(length.group(1)) if length else 0)
                self.requests.append(head + body.decode())
                await self._answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def wire(answer: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[Wire]:
    """Serve these bytes, or what this function writes, to every request."""

    async def literal(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    serving = Wire(literal if isinstance(answer, bytes) else answer)
    server = await asyncio.start_server(serving.serve, "127.0.0.1", 0, backlog=200)
    serving.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield serving
    finally:
        server.close()


def http(body: str | bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content
