"""The commands that need no account: rehearsals, the simulator and the demo."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.cli.options import (
    REPORT,
    ReportChoice,
    ToolCommand,
    account_option,
    choices,
    concurrency_option,
    options,
)
from migrate.cli.shell import output_of, tool

if TYPE_CHECKING:
    from migrate.commands.demo import Act
    from migrate.commands.rehearse import RehearseOptions


@click.command(cls=ToolCommand, short_help="Serve an embedded Twilio for rehearsals.")
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="a free one",
    help="Listen on this port.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Serve this made-up account.")
@click.option(
    "--services",
    type=click.IntRange(0),
    default=12,
    show_default=True,
    help="Give it this many Chat Services.",
)
@click.option("--channels", metavar="N", type=click.IntRange(0), help="Give each service this many channels.")
@click.option(
    "--accounts",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Serve this many accounts; the first is the parent of the others.",
)
@click.option(
    "--account-services",
    metavar="N",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Give each further account this many Chat Services.",
)
@click.option(
    "--latency",
    "latency_ms",
    type=click.FloatRange(0),
    default=0.0,
    metavar="MS",
    help="Let each request take this long.",
)
@click.option(
    "--max-concurrent", metavar="N", type=click.IntRange(1), help="Answer 429/20429 above this many at once."
)
@click.option(
    "--writes-per-second",
    metavar="N",
    type=click.IntRange(1),
    help="Answer 429/50063 above so many writes a service.",
)
@click.option(
    "--fault-rate",
    metavar="P",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Let this share of requests go wrong.",
)
@click.option("--fault-seed", metavar="N", type=int, default=0, help="Choose which of them, and how.")
@click.option(
    "--lag",
    metavar="SECONDS",
    type=click.FloatRange(0),
    default=0.0,
    help="Let reads and lists lag this far behind writes, and lost requests take effect so late.",
)
@click.option(
    "--template-limit", metavar="N", type=click.IntRange(1), help="Refuse longer push templates (50058)."
)
@click.option("--sound-limit", metavar="N", type=click.IntRange(1), help="Refuse longer push sounds (50059).")
@click.option("--state", metavar="FILE", type=click.Path(path_type=Path), help="Keep the state in this file.")
def simulator(lag: float, **settings: Any) -> None:
    """Serve an embedded Twilio on this machine, for rehearsals: Chat v1, v2, v3 and Conversations v1.

    It prints the variables that point chat-migrate at it, and serves until Ctrl-C.

    \b
    chat-migrate simulator --port 8765
    chat-migrate simulator --services 200 --latency 50 --max-concurrent 20 --fault-rate 0.05
    """
    from migrate.commands.simulator import serve_forever

    serve_forever(settings, lag, click.echo)


@dataclass(frozen=True)
class RehearsalChoice:
    """What was typed of `rehearse`'s options."""

    plan_id: str | None = None
    fault_rate: float = 0.0
    kills: int = 0
    lag: float = 0.0
    latency_ms: float = 0.0
    max_concurrent: int | None = None
    seed: int = 0
    concurrency: int | None = None

    def options(self) -> RehearseOptions:
        """Return the command's options."""
        from migrate.commands.rehearse import RehearseOptions
        from migrate.rehearsal.stage import Disturbances

        disturbances = Disturbances(
            fault_rate=self.fault_rate,
            kills=self.kills,
            lag=self.lag,
            latency=self.latency_ms / 1000,
            max_concurrent=self.max_concurrent,
            seed=self.seed,
        )
        return RehearseOptions(self.plan_id, disturbances, self.concurrency)


@click.command(cls=ToolCommand, short_help="Try a plan out in the simulator.")
@click.option(
    "--plan", "plan_id", metavar="ID", help="Rehearse this plan.  [default: the newest of the account]"
)
@click.option(
    "--fault-rate",
    metavar="P",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Let this share of requests go wrong.",
)
@click.option(
    "--kills", metavar="N", type=click.IntRange(0), default=0, help="Kill the program this many times."
)
@click.option(
    "--lag",
    metavar="SECONDS",
    type=click.FloatRange(0),
    default=0.0,
    help="Let reads and lists lag this far behind writes; the settle time is three times as long.",
)
@click.option(
    "--latency",
    "latency_ms",
    type=click.FloatRange(0),
    default=0.0,
    metavar="MS",
    help="Let each request take this long, and estimate with it.  [default: none; estimate with 100]",
)
@click.option(
    "--max-concurrent", metavar="N", type=click.IntRange(1), help="Answer 429/20429 above this many at once."
)
@click.option(
    "--seed", metavar="N", type=int, default=0, help="Choose the faults and the moments of the kills."
)
@options(concurrency_option, *REPORT, account_option)
@choices(RehearsalChoice, ReportChoice)
def rehearse(
    context: click.Context, choice: RehearsalChoice, report: ReportChoice, account: str | None
) -> None:
    """Execute a copy of a plan in the embedded simulator, and tell whether it would end well.

    Sends nothing to Twilio, needs no credentials, and leaves the database, the plan and its state as they are. Exits
    with 4 if the plan would not end well.

    \b
    chat-migrate rehearse
    chat-migrate rehearse --fault-rate 0.1 --kills 4 --lag 2
    chat-migrate rehearse --latency 80 --max-concurrent 20 -o rehearsal.html
    """
    from migrate.commands.rehearse import rehearse

    output = output_of(context, report)
    with tool(context, account=account) as made:
        code = rehearse(made, choice.options(), output.write)
    sys.exit(code)


@click.command(cls=ToolCommand, short_help="The whole job on the simulator, no account needed.")
@click.pass_context
def demo(context: click.Context) -> None:
    """Do the whole job on the embedded simulator; needs no credentials and no network.

    Leaves demo.db and demo.html in the current folder to look at.

    \b
    chat-migrate demo
    """
    from migrate.commands.demo import demo

    context.obj["db"] = Path("demo.db")
    text = output_of(context, ReportChoice())
    page = output_of(context, ReportChoice(output=Path("demo.html")))

    def show(act: Act) -> None:
        click.secho(f"\n== {act.title}", bold=True)
        if act.report is not None:
            text.write(act.report)

    with tool(context) as made:
        demo(made, show, page.write)
    click.echo("\nLook at demo.html in a browser, and at demo.db with sqlite-utils or Datasette.")
