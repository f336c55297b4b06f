"""The commands that need no account: rehearsals, the simulator and the demo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.cli.options import REPORT, ToolCommand, account_option, concurrency_option
from migrate.cli.parameters import file, lag, milliseconds, number, options, plan, share
from migrate.cli.typed import Typed

if TYPE_CHECKING:
    from migrate.commands.demo import Act

fault_rate_option = share("--fault-rate", help="Let this share of requests go wrong.")
max_concurrent_option = number("--max-concurrent", help="Answer 429/20429 above this many at once.")


@click.command(cls=ToolCommand, short_help="Serve an embedded Twilio for rehearsals.")
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="a free one",
    help="Listen on this port.",
)
@number("--seed", least=None, default=0, show_default=True, help="Serve this made-up account.")
@number("--services", least=0, default=12, show_default=True, help="Give it this many Chat Services.")
@number("--channels", least=0, help="Give each service this many channels.")
@number(
    "--accounts",
    default=1,
    show_default=True,
    help="Serve this many accounts; the first is the parent of the others.",
)
@number(
    "--account-services",
    least=0,
    default=0,
    show_default=True,
    help="Give each further account this many Chat Services.",
)
@milliseconds("--latency", "latency_ms", help="Let each request take this long.")
@max_concurrent_option
@number("--writes-per-second", help="Answer 429/50063 above so many writes a service.")
@fault_rate_option
@number("--fault-seed", least=None, default=0, help="Choose which of them, and how.")
@lag("Let reads and lists lag this far behind writes, and lost requests take effect so late.")
@number("--template-limit", help="Refuse longer push templates (50058).")
@number("--sound-limit", help="Refuse longer push sounds (50059).")
@file("--state", help="Keep the state in this file.")
def simulator(typed: Typed) -> None:
    """Serve an embedded Twilio on this machine, for rehearsals: Chat v1, v2, v3 and Conversations v1.

    It prints the variables that point chat-migrate at it, and serves until Ctrl-C.

    \b
    chat-migrate simulator --port 8765
    chat-migrate simulator --services 200 --latency 50 --max-concurrent 20 --fault-rate 0.05
    """
    from migrate.commands.simulator import serve_forever

    settings = dict(typed.own)
    serve_forever(settings, settings.pop("lag"), click.echo)


@click.command(cls=ToolCommand, short_help="Try a plan out in the simulator.")
@plan("Rehearse this plan.")
@fault_rate_option
@number("--kills", least=0, default=0, help="Kill the program this many times.")
@lag("Let reads and lists lag this far behind writes; the settle time is three times as long.")
@milliseconds(
    "--latency",
    "latency_ms",
    help="Let each request take this long, and estimate with it.  [default: none; estimate with 100]",
)
@max_concurrent_option
@number("--seed", least=None, default=0, help="Choose the faults and the moments of the kills.")
@options(concurrency_option, *REPORT, account_option)
def rehearse(typed: Typed) -> int:
    """Execute a copy of a plan in the embedded simulator, and tell whether it would end well.

    Sends nothing to Twilio, needs no credentials, and leaves the database, the plan and its state as they are. Exits
    with 4 if the plan would not end well.

    \b
    chat-migrate rehearse
    chat-migrate rehearse --fault-rate 0.1 --kills 4 --lag 2
    chat-migrate rehearse --latency 80 --max-concurrent 20 -o rehearsal.html
    """
    from migrate.commands.rehearse import RehearseOptions, rehearse
    from migrate.rehearsal.stage import Disturbances

    output = typed.output()
    disturbances = typed.made(Disturbances, latency=typed["latency_ms"] / 1000)
    with typed.tool() as made:
        return rehearse(made, typed.made(RehearseOptions, disturbances=disturbances), output.write)


@click.command(cls=ToolCommand, short_help="The whole job on the simulator, no account needed.")
@click.pass_context
def demo(context: click.Context, typed: Typed) -> None:
    """Do the whole job on the embedded simulator; needs no credentials and no network.

    Leaves demo.db and demo.html in the current folder to look at.

    \b
    chat-migrate demo
    """
    from migrate.commands.demo import demo

    context.obj["db"] = Path("demo.db")
    text = typed.output()
    page = replace(text, file=Path("demo.html"))

    def show(act: Act) -> None:
        click.secho(f"\n== {act.title}", bold=True)
        if act.report is not None:
            text.write(act.report)

    with typed.tool() as made:
        demo(made, show, page.write)
    click.echo("\nLook at demo.html in a browser, and at demo.db with sqlite-utils or Datasette.")
