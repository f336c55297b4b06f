"""The commands with the toy kind, in a process of their own: `toy_tool.py COMMAND DATABASE`."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import toy

from migrate.commands.apply import ApplyOptions, apply
from migrate.commands.context import Context
from migrate.commands.diff import DiffOptions, diff
from migrate.commands.export import ExportOptions, export
from migrate.commands.run import ResumeOptions, resume
from migrate.core.progress import Progress
from migrate.source.live import ExportRequest

COMMANDS = {
    "export": lambda context: export(context, ExportOptions(ExportRequest(inventory=frozenset({"users"})))),
    "diff": lambda context: diff(context, DiffOptions(target="new", kinds={"users": {}})),
    "apply": lambda context: apply(context, ApplyOptions(), lambda *_asked: None),
    "resume": lambda context: resume(context, ResumeOptions(), lambda *_asked: None, lambda *_told: None),
}

if __name__ == "__main__":
    toy.register()
    COMMANDS[sys.argv[1]](Context(Path(sys.argv[2]), os.environ, Progress(quiet=True), settle_seconds=0.3))
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
