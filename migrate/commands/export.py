"""`export`: Chat → snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from migrate.commands.context import Context
from migrate.core.config import is_sid
from migrate.core.errors import BadInput
from migrate.source.live import ExportRequest, export_files, export_live
from migrate.store import Store
from migrate.store.snapshots import Snapshot


@dataclass(frozen=True)
class ExportOptions:
    """What to export: live with `request`, or from `files` where there are any."""

    request: ExportRequest = field(default_factory=ExportRequest)
    files: tuple[Path, ...] = ()


def export(context: Context, options: ExportOptions) -> Snapshot:
    """Take a snapshot.

    Raises:
        MigrateError: see `migrate.source.live`.
    """
    check_options(context, options)
    with context.locked_store("export", must_exist=False) as store:
        return export_into(context, store, options)


def check_options(context: Context, options: ExportOptions) -> None:
    """Refuse what cannot work before anything is opened.

    Raises:
        BadInput: a malformed SID, or no credentials for a live export.
    """
    for sid in options.request.services:
        if not is_sid("IS", sid):
            raise BadInput(f"--service {sid}: not a Service SID; IS and 32 hexadecimal digits are expected.")
    account_sid = context.environ.get("TWILIO_ACCOUNT_SID")
    if not options.files:
        context.source_reader()
    elif account_sid and not is_sid("AC", account_sid):
        raise BadInput("TWILIO_ACCOUNT_SID is not an account SID: AC and 32 hexadecimal digits are expected.")


def export_into(context: Context, store: Store, options: ExportOptions) -> Snapshot:
    """Take a snapshot into an open database."""
    if options.files:
        account_sid = context.environ.get("TWILIO_ACCOUNT_SID") or None
        return export_files(store, options.files, options.request, account_sid)
    reader = context.source_reader(options.request.concurrency)
    return export_live(store, reader, context.retrier(), options.request, context.progress)
