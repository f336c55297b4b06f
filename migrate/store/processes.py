"""Which process this is, and whether another one is still there, beyond a process id that may be used again."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MACHINE_ID = Path("/etc/machine-id")
ENDED = (["Z"], ["X"])
"""States of a process that has ended and that its parent has not asked about yet."""


@dataclass(frozen=True)
class Process:
    """One process, told from all others as far as the system allows; "" stands for what it doesn't tell.

    Attributes:
        boot: the machine's id and the id of its boot, `machine/boot`.
        namespace: in which process ids are counted.
        started: when it started, in the kernel's ticks since the boot.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str


def this_process() -> Process:
    """Return this process."""
    pid = os.getpid()
    boot = f"{_text(MACHINE_ID)}/{_text(PROC / 'sys/kernel/random/boot_id')}"
    return Process(socket.gethostname(), boot, _namespace(), pid, started(pid))


def started(pid: int) -> str:
    """Return when a process of this namespace started, in ticks since the boot; "" if that can't be told."""
    fields = _facts(pid)
    return fields[19] if len(fields) > 19 else ""


def _facts(pid: int) -> list[str]:
    """Return what the kernel says of a process, from its state on (proc(5), "stat"); empty if it says nothing."""
    # The name of the program, in brackets, may hold anything: count from behind it.
    return _text(PROC / str(pid) / "stat").rpartition(")")[2].split()


def is_alive(process: Process, here: Process) -> bool | None:
    """Return whether a process is still there, or None if that can't be told from here."""
    machine, _, boot = process.boot.partition("/")
    our_machine, _, our_boot = here.boot.partition("/")
    if process.namespace != here.namespace:
        return None
    if boot == our_boot and (boot or process.host == here.host):
        return _runs(process)
    # Two machines may have one name, and copies of a machine have one id.
    if machine and (process.host, machine) == (here.host, our_machine):
        return False
    return None


def _runs(process: Process) -> bool:
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if _facts(process.pid)[:1] in ENDED:
        return False
    now_started = started(process.pid)
    return not now_started or not process.started or now_started == process.started


def _namespace() -> str:
    try:
        return str((PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
