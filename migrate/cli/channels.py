"""The options about channels, as one frozen object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from migrate.cli.options import take_sid
from migrate.core.errors import BadInput

NAME = "channels"

inventory_option = click.option(
    "--channels", is_flag=True, help="Also read every channel, public and private, of every service."
)
diff_option = click.option(
    "--channels",
    is_flag=True,
    help="Also plan to make the public channels private, so that Conversations shows them.",
)
run_option = click.option(
    "--channels",
    is_flag=True,
    help="Also make the public channels private, so that Conversations shows them. This can't be undone.",
)
consent_option = click.option(
    "--channels",
    is_flag=True,
    help="Make private what the plan says about channels; without it they are skipped. This can't be undone.",
)
SHAPING = (
    click.option(
        "--messaging-service-sid",
        metavar="MG…",
        callback=take_sid,
        help="Give each channel this Messaging Service, for SMS and WhatsApp participants.",
    ),
    click.option("--fire-webhooks", is_flag=True, help="Let Twilio call the webhooks for each channel."),
    click.option(
        "--only-channel",
        "only_channels",
        metavar="CH…",
        multiple=True,
        callback=take_sid,
        help="Only this channel; repeatable.",
    ),
    click.option(
        "--channel-filter",
        metavar="GLOB",
        help="Only channels whose unique or friendly name matches, such as 'support-*'.",
    ),
)
limit_channels_option = click.option(
    "--limit-channels",
    metavar="N",
    type=click.IntRange(1),
    help="Make at most this many channels private; `resume` does the rest.",
)


@dataclass(frozen=True)
class ChannelsChoice:
    """What was typed of the options about channels."""

    channels: bool = False
    messaging_service_sid: str | None = None
    fire_webhooks: bool = False
    only_channels: tuple[str, ...] = ()
    channel_filter: str | None = None
    limit_channels: int | None = None

    def inventory(self) -> frozenset[str]:
        """Return what an export reads besides."""
        return frozenset({NAME}) if self.channels else frozenset()

    def consents(self) -> frozenset[str]:
        """Return what is allowed though it can't be undone."""
        return frozenset({NAME}) if self.channels else frozenset()

    def limits(self) -> dict[str, int]:
        """Return how many steps are sent at most.

        Raises:
            BadInput: there is a limit to what is not done.
        """
        if self.limit_channels is None:
            return {}
        if not self.channels:
            raise BadInput("--limit-channels goes with --channels only.")
        return {NAME: self.limit_channels}

    def kinds(self) -> dict[str, dict[str, Any]]:
        """Return what shapes the steps, as the plan keeps it; empty without --channels.

        Raises:
            BadInput: an option makes no sense.
        """
        shaping = {
            "messaging_service_sid": self.messaging_service_sid,
            "fire_webhooks": self.fire_webhooks,
            "only": sorted(set(self.only_channels)),
            "filter": self.channel_filter,
        }
        if not self.channels:
            if any(shaping.values()):
                raise BadInput(
                    "--messaging-service-sid, --fire-webhooks, --only-channel and --channel-filter go with "
                    "--channels only."
                )
            return {}
        self._check_sids()
        return {NAME: {name: value for name, value in shaping.items() if value}}

    def _check_sids(self) -> None:
        from migrate.core.config import is_sid

        named = (
            [("--messaging-service-sid", "MG", self.messaging_service_sid)]
            if self.messaging_service_sid
            else []
        )
        for option, prefix, sid in [*named, *(("--only-channel", "CH", sid) for sid in self.only_channels)]:
            if not is_sid(prefix, sid):
                raise BadInput(f"{option} {sid}: not a SID; {prefix} and 32 hexadecimal digits are expected.")
