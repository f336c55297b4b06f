"""What every command works with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from migrate.api.pace import Pace
from migrate.api.retry import Patience, Retrier
from migrate.core import config
from migrate.core.config import Credentials
from migrate.core.errors import BadInput, Failure, Interrupted, RunInterrupted
from migrate.core.progress import Progress
from migrate.core.settle import Settle
from migrate.core.stop import StopToken
from migrate.store import Store, lock, open_store, snapshots
from migrate.store.lock import Holder, Lock

if TYPE_CHECKING:
    from migrate.api.gateway import Reader, Writer

Client = TypeVar("Client", bound="Reader")
LONG_WAIT_SECONDS = 10
"""A wait as long as this is told without being asked for."""


@dataclass(frozen=True)
class Context:
    """Where a command works and whom it tells.

    Attributes:
        account_sid: the source account, where it is not the credentials'.
        settle_seconds: the settle time; None: as the environment says.
        paces: account SID → what was learnt of its limits; phases of one command share it.
        proved: credentials for which an answer of the target has named their account; likewise.
        shared: whether the database is on a network file system.
    """

    db: Path
    environ: Mapping[str, str]
    progress: Progress
    stop: StopToken = field(default_factory=StopToken)
    account_sid: str | None = None
    settle_seconds: float | None = None
    patience: Patience = field(default_factory=Patience)
    paces: dict[str, Pace] = field(default_factory=dict)
    proved: set[Credentials] = field(default_factory=set)
    shared: bool = False

    def retrier(self, concurrency: int | None = None) -> Retrier:
        """Return the retry layer that the stop token ends; with one request at once, one call at once too."""
        in_turn = concurrency == 1
        return Retrier(self.patience, stop=self.stop, on_retry=self._tell_of_retry, in_turn=in_turn)

    def settle(self) -> Settle:
        """Return the settle time.

        Raises:
            BadInput: CHAT_MIGRATE_SETTLE is not a number of seconds.
        """
        seconds = self.settle_seconds
        return Settle(config.settle_seconds(self.environ) if seconds is None else seconds, self.stop)

    def source_reader(self, concurrency: int | None = None) -> Reader:
        """Return a client of the source account that cannot write."""
        from migrate.api.gateway import Reader

        return self._client(
            Reader, config.source_credentials(self.environ), concurrency, stop=self.stop, proved=set()
        )

    def target_reader(self, concurrency: int | None = None) -> Reader:
        """Return a client of the target account that cannot write."""
        from migrate.api.gateway import Reader

        return self._client(
            Reader, config.target_credentials(self.environ), concurrency, stop=self.stop, proved=self.proved
        )

    def target_writer(self, concurrency: int | None = None, *, deletes: bool = False) -> Writer:
        """Return a client of the target account, one that can delete only if `deletes`."""
        from migrate.api.gateway import Remover, Writer

        made = Remover if deletes else Writer
        return self._client(
            made, config.target_credentials(self.environ), concurrency, stop=None, proved=self.proved
        )

    def target_account(self) -> str:
        """Return the account that the credentials write to.

        Raises:
            BadInput: there are no credentials.
        """
        return config.target_credentials(self.environ).account_sid

    def _client(
        self,
        made: type[Client],
        credentials: Credentials,
        concurrency: int | None,
        *,
        stop: StopToken | None,
        proved: set[Credentials],
    ) -> Client:
        pace = self.paces.get(credentials.account_sid) or Pace(concurrency)
        self.paces[credentials.account_sid] = pace
        return made(credentials, config.endpoints(self.environ), pace=pace, proved=proved, stop=stop)

    def account(self, store: Store) -> str:
        """Return the source account: the one that was named, else the credentials', else the database's only one.

        Raises:
            BadInput: there is none, there are several to choose from, or what was named is no account SID.
        """
        named = self.account_sid or self.environ.get("TWILIO_ACCOUNT_SID")
        if named:
            config.check_account("TWILIO_ACCOUNT_SID", named)
            return named
        known = snapshots.accounts(store)
        if len(known) == 1:
            return known[0]
        if not known:
            raise BadInput(f"There is no snapshot in {store.path}. Run `chat-migrate export` first.")
        raise BadInput(
            f"{store.path} holds {len(known)} accounts ({', '.join(known[:5])}): name one with --account, or set "
            "TWILIO_ACCOUNT_SID."
        )

    @contextmanager
    def opened(self, *, must_exist: bool = True) -> Iterator[Store]:
        """Open the database."""
        with open_store(self.db, must_exist=must_exist, shared=self.shared) as store:
            yield store

    @contextmanager
    def working(
        self, command: str, account_sid: str | None = None, *, must_exist: bool = True
    ) -> Iterator[Working]:
        """Open the database and hold the lock of an account, `account()` unless it is given; raises as `locked`."""
        with self.opened(must_exist=must_exist) as store:
            locked = self.account(store) if account_sid is None else account_sid
            with self.locked(store, command, locked) as held:
                yield Working(self, store, held, locked)

    @contextmanager
    def locked(self, store: Store, command: str, account_sid: str) -> Iterator[Lock]:
        """Hold an account's lock.

        Raises:
            LockHeld: another command works on the account.
            Interrupted: the stop token was set; the message says what to type to go on.
        """
        with lock.held(store, account_sid, command, self.stop, watching=self._tell_of_watching) as held:
            try:
                yield held
            except RunInterrupted:
                raise
            except Interrupted as error:
                raise Interrupted(
                    f"Interrupted before anything was written to Twilio. Run `chat-migrate {command}` again."
                ) from error

    def _tell_of_watching(self, holder: Holder) -> None:
        self.progress.warn(f"{holder} holds the lock. Watching for up to a minute whether it is alive.")

    def _tell_of_retry(self, failure: Failure, seconds: float) -> None:
        text = f"Waiting {seconds:.0f} s, then trying again: {failure}"
        if seconds >= LONG_WAIT_SECONDS:
            self.progress.note(text)
        else:
            self.progress.detail(text)


@dataclass(frozen=True)
class Working:
    """A command at work: its context, the open database, and the lock that it holds on an account."""

    context: Context
    store: Store
    lock: Lock
    account_sid: str
