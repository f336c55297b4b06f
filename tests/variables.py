"""The environment of programs that tests start."""

from __future__ import annotations

import os

CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("TWILIO_", "CHAT_MIGRATE_"))
}
"""The environment without anything that a developer may have set for real accounts."""
CLEAN.pop("PYTHONDONTWRITEBYTECODE", None)
"""A third of the time in which the program starts would go into compiling it again."""
CLEAN["CHAT_MIGRATE_SETTLE"] = "0.3"
"""Nothing lags in most tests; those that are about the settle time set it themselves."""
