"""What the file system says of the place where a database lies."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from migrate.core.errors import BadInput

MOUNTS = Path("/proc/mounts")
SCARCE_BYTES = 1 << 20
"""With less than this free, an I/O error is taken for a full disk."""
NETWORK_TYPES = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.juicefs", "fuse.sshfs"),
        *("gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "pvfs2", "smb3", "smbfs"),
        "virtiofs",
    }
)
"""Types of file systems that several hosts may have mounted at once."""
TRIAL_SECONDS = 30
LOCKED = 3
TRIAL = f"""
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    connection.execute("BEGIN EXCLUSIVE")
except sqlite3.OperationalError as error:
    sys.exit({LOCKED} if "locked" in str(error) else 1)
"""
"""What the second process does: take the lock that the first one holds, or has given back."""


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at a path from any other, or None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def free_bytes(path: Path) -> int:
    """Return how much room a file has to grow, in bytes."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return 0


def is_on_network(path: Path) -> bool:
    """Whether other hosts may have the same file system mounted, as far as this host's table of mounts tells."""
    try:
        mounts = MOUNTS.read_text(errors="replace").splitlines()
        place = path.absolute().parent.resolve()
    except OSError:
        return False
    kinds = {
        _unescaped(words[1]): words[2] for line in mounts if len(words := line.split()) > 2
    }  # a later mount hides an earlier one on the same place
    for folder in (place, *place.parents):
        if str(folder) in kinds:
            return kinds[str(folder)] in NETWORK_TYPES
    return False


def try_locks(path: Path) -> None:
    """Let two processes try a lock beside the database.

    Raises:
        BadInput: both got it, or none did, so that two runs could not be told from one.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".chat-migrate-", dir=path.parent) as folder:
            trial = Path(folder) / "locks.db"
            connection = sqlite3.connect(trial, timeout=0, isolation_level=None)
            try:
                connection.execute("BEGIN EXCLUSIVE")
                while_held = _try(trial)
            finally:
                connection.close()
            works = while_held == LOCKED and _try(trial) == 0
    except OSError as error:
        raise BadInput(
            f"The database {path} cannot be opened for writing: {error.strerror}. "
            "Choose another place with --db."
        ) from error
    except (sqlite3.Error, subprocess.TimeoutExpired):
        works = False
    if not works:
        raise BadInput(
            f"File locks do not work in {path.parent}, so two runs could change the same database at once. "
            "Choose a place on another file system with --db."
        )


def _try(trial: Path) -> int:
    command = [sys.executable, "-c", TRIAL, str(trial)]
    return subprocess.run(command, check=False, timeout=TRIAL_SECONDS).returncode  # noqa: S603 - our own words


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
