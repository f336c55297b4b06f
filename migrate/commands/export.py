"""`export`: Chat → snapshot."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from migrate.commands.context import Context
from migrate.core import config
from migrate.model.item import Snapshot
from migrate.source.live import ExportRequest, Listed, export_live, tell_nobody
from migrate.store import Store

UNKNOWN_ACCOUNT = ""
"""What is locked while files are read that have yet to say whose they are."""


@dataclass(frozen=True)
class ExportOptions:
    """What to export: live with `request`, or from `files` where there are any.

    Attributes:
        files: saved files; `-` is standard input.
        concurrency: requests at once; None means as many as Twilio takes.
    """

    request: ExportRequest = field(default_factory=ExportRequest)
    files: tuple[Path, ...] = ()
    partial: bool = False
    concurrency: int | None = None


def export(context: Context, options: ExportOptions) -> Snapshot:
    """Take a snapshot.

    Raises:
        MigrateError: see `migrate.source.live` and `migrate.source.files`.
    """
    check_options(context, options)
    with context.working("export", account_of(context, options), must_exist=False) as at:
        return asyncio.run(export_into(context, at.store, options))


def check_options(context: Context, options: ExportOptions) -> None:
    """Refuse what cannot work before anything is opened.

    Raises:
        BadInput: a malformed SID, or no credentials for a live export.
    """
    config.check_services(options.request.services)
    account_sid = context.environ.get("TWILIO_ACCOUNT_SID")
    if not options.files:
        config.source_credentials(context.environ)
    elif account_sid:
        config.check_account("TWILIO_ACCOUNT_SID", account_sid)


def account_of(context: Context, options: ExportOptions) -> str:
    """Return the account that is exported, as far as it is known before anything is read."""
    if not options.files:
        return config.source_credentials(context.environ).account_sid
    return context.account_sid or context.environ.get("TWILIO_ACCOUNT_SID") or UNKNOWN_ACCOUNT


async def export_into(
    context: Context,
    store: Store,
    options: ExportOptions,
    listed: Listed = tell_nobody,
) -> Snapshot:
    """Take a snapshot into an open database.

    Args:
        listed: see `export_live`.
    """
    if options.files:
        # Most exports read no file, and need none of what reads all their shapes.
        from migrate.source.files import export_files

        account_sid = context.account_sid or context.environ.get("TWILIO_ACCOUNT_SID") or None
        return export_files(
            store,
            options.files,
            options.request,
            account_sid,
            partial=options.partial,
            progress=context.progress,
        )
    async with context.source_reader(options.concurrency) as reader:
        retrier = context.retrier(options.concurrency)
        return await export_live(store, reader, retrier, options.request, context.progress, listed)
