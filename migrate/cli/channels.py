"""The options about channels, and what they mean to the commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from migrate.cli.parameters import flag, number, sid
from migrate.core.errors import BadInput

NAME = "channels"

inventory_option = flag("--channels", help="Also read every channel, public and private, of every service.")
diff_option = flag(
    "--channels",
    help="Also plan to make the public channels private, so that Conversations shows them.",
)
run_option = flag(
    "--channels",
    help="Also make the public channels private, so that Conversations shows them. This can't be undone.",
)
consent_option = flag(
    "--channels",
    help="Make private what the plan says about channels; without it they are skipped. This can't be undone.",
)
SHAPING = (
    sid(
        "--messaging-service-sid",
        metavar="MG…",
        checked=True,
        help="Give each channel this Messaging Service, for SMS and WhatsApp participants.",
    ),
    flag("--fire-webhooks", help="Let Twilio call the webhooks for each channel."),
    sid(
        "--only-channel",
        "only_channels",
        metavar="CH…",
        checked=True,
        multiple=True,
        help="Only this channel; repeatable.",
    ),
    click.option(
        "--channel-filter",
        metavar="GLOB",
        help="Only channels whose unique or friendly name matches, such as 'support-*'.",
    ),
)
limit_channels_option = number(
    "--limit-channels", help="Make at most this many channels private; `resume` does the rest."
)


def opted_in(typed: Mapping[str, Any]) -> frozenset[str]:
    """Return what is read besides the services, or allowed though it can't be undone."""
    return frozenset({NAME}) if typed.get(NAME) else frozenset()


def limits(typed: Mapping[str, Any]) -> dict[str, int]:
    """Return how many steps are sent at most; refuse a limit to what is not done."""
    if typed.get("limit_channels") is None:
        return {}
    if not typed.get(NAME):
        raise BadInput("--limit-channels goes with --channels only.")
    return {NAME: typed["limit_channels"]}


def kinds(typed: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what shapes the steps, as the plan keeps it; empty without --channels, and then refuse the rest."""
    if typed.get("channel_filter") == "":
        raise BadInput(
            "--channel-filter is empty; it would match no channel. Leave it out to take all of them."
        )
    shaping = {
        "messaging_service_sid": typed.get("messaging_service_sid"),
        "fire_webhooks": typed.get("fire_webhooks"),
        "only": sorted(set(typed.get("only_channels") or ())),
        "filter": typed.get("channel_filter"),
    }
    given = {name: value for name, value in shaping.items() if value}
    if given and not typed.get(NAME):
        raise BadInput(
            "--messaging-service-sid, --fire-webhooks, --only-channel and --channel-filter go with "
            "--channels only."
        )
    return {NAME: given} if typed.get(NAME) else {}
