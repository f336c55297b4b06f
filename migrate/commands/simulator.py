"""`simulator`: serves the embedded Twilio until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from migrate.core.errors import BadInput
from migrate.simulator import Simulator, Unevenness, serve


def serve_forever(settings: Mapping[str, Any], lag: float, tell: Callable[[str], None]) -> None:
    """Serve until interrupted; `tell` gets the variables that point the tool here, one per line.

    Args:
        settings: keyword arguments of `Simulator`.
        lag: seconds by which reads, lists and lost requests lag.

    Raises:
        BadInput: the port is taken, or the state file cannot be used.
    """

    def ready(simulator: Simulator) -> None:
        for name, value in simulator.environment().items():
            tell(f"export {name}={value}")

    uneven = Unevenness(reads_lag=lag, lists_lag=lag, late_effects=lag)
    try:
        serve(**settings, uneven=uneven, on_ready=ready)
    except (OSError, ValueError) as error:
        raise BadInput(f"The simulator cannot start: {error}.") from error
