"""Clients of a simulator inside the test's own process, with waits too short to notice."""

from __future__ import annotations

from typing import Any

from migrate.api.gateway import Reader, Writer
from migrate.api.retry import Patience, Retrier
from migrate.core.config import endpoints, source_credentials
from migrate.simulator import Simulator

IMPATIENT = Patience(first_wait=0.001, longest_wait=0.002)


def reader_of(simulator: Simulator, concurrency: int = 4, **environ: str) -> Reader:
    """A client that cannot write; `environ` adds variables."""
    variables = {**simulator.environment(), **environ}
    return Reader(source_credentials(variables), endpoints(variables), concurrency=concurrency)


def writer_of(simulator: Simulator, concurrency: int = 4, **environ: str) -> Writer:
    """A client that can."""
    variables = {**simulator.environment(), **environ}
    return Writer(source_credentials(variables), endpoints(variables), concurrency=concurrency)


def impatient(**options: Any) -> Retrier:
    """A retry layer that hardly waits."""
    return Retrier(IMPATIENT, **options)
