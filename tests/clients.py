"""Clients of a simulator inside the test's own process, with waits too short to notice."""

from __future__ import annotations

from migrate.api.retry import Patience

IMPATIENT = Patience(first_wait=0.002, throttled_wait=0.002, longest_wait=0.02, first_contact_seconds=0.5)
