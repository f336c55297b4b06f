"""How fast channels are converted, as ratios: python tests/channels/speed.py [--channels N] [--latency MS] [--limit C].

The simulator runs in a process of its own. The bare loop does the same requests with the twilio package's own
asynchronous client and nothing else: no journal, no plan, no retries, and told what limit there is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVE = """
import sys
from migrate.simulator import serve
def ready(simulator):
    for name, value in simulator.environment().items():
        print(f"{name}={value}", flush=True)
channels, latency, limit = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
serve(services=1, channels=channels, public_share=1.0, latency_ms=latency, max_concurrent=limit, record=False,
      on_ready=ready)
"""


def served(channels: int, latency: float, limit: int) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Return a simulator in a process of its own, and the environment that leads to it."""
    command = [sys.executable, "-c", SERVE, str(channels), str(latency), str(limit)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline().strip() for _ in range(5)]
    return process, {**os.environ, **dict(line.split("=", 1) for line in lines)}


def tool(folder: Path, environ: dict[str, str], *arguments: str) -> tuple[float, float]:
    """Run one command; return its seconds and its peak memory so far in MB."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "migrate", *arguments]
    subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return time.perf_counter() - start, peak


async def bare(environ: dict[str, str], limit: int) -> float:
    """Read and convert every channel with the bare package; return the seconds."""
    from twilio.http.async_http_client import AsyncTwilioHttpClient

    account, token = environ["TWILIO_ACCOUNT_SID"], environ["TWILIO_AUTH_TOKEN"]
    chat, auth = environ["TWILIO_CHAT_URL"], (account, token)
    async with AsyncTwilioHttpClient() as client:
        listed = await client.request("GET", f"{chat}/v2/Services", auth=auth)
        service = json.loads(listed.text)["services"][0]["sid"]
        sids: list[str] = []
        place = f"{chat}/v1/Services/{service}/Channels?PageSize=1000&Type=public"
        while place:
            page = json.loads((await client.request("GET", place, auth=auth)).text)
            sids += [channel["sid"] for channel in page["channels"]]
            place = (page["meta"]["next_page_url"] or "").replace("https://chat.twilio.com", chat)
        left = iter(sids)
        start = time.perf_counter()

        async def work() -> None:
            for sid in left:
                path = f"Services/{service}/Channels/{sid}"
                await client.request("GET", f"{chat}/v2/{path}", auth=auth)
                await client.request("POST", f"{chat}/v3/{path}", data={"Type": "private"}, auth=auth)

        await asyncio.gather(*(work() for _ in range(limit)))
        return time.perf_counter() - start


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=2_000)
    parser.add_argument("--latency", type=float, default=50.0, metavar="MS")
    parser.add_argument("--limit", type=int, default=16, metavar="C")
    asked = parser.parse_args()
    best = 2 * asked.channels * asked.latency / 1000 / asked.limit
    told = []
    with tempfile.TemporaryDirectory() as name:
        process, environ = served(asked.channels, asked.latency, asked.limit)
        empty, _ = tool(Path(name), environ, "mappings")
        for arguments in (["export", "--channels"], ["diff", "--channels", "-o", "d.json"]):
            took, peak = tool(Path(name), environ, *arguments)
            told.append(f"{arguments[0]:7} {took:.2f} s, peak {peak:.0f} MB")
        took, peak = tool(Path(name), environ, "apply", "--yes", "--channels", "-o", "a.json")
        process.kill()
        process.communicate()
        told.append(
            f"apply   {took:.2f} s, peak {peak:.0f} MB; efficiency {best / (took - empty):.2f} "
            f"(the server allows it in {best:.2f} s; start-up of {empty:.2f} s apart)"
        )
    process, environ = served(asked.channels, asked.latency, asked.limit)
    alone = asyncio.run(bare(environ, asked.limit))
    process.kill()
    process.communicate()
    told.append(
        f"bare    {alone:.2f} s; efficiency {best / alone:.2f}; ours is {alone / (took - empty):.2f} of it"
    )
    sys.stdout.write("\n".join(told) + "\n")


if __name__ == "__main__":
    main()
