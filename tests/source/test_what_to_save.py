"""The runbook on what to save says what the program reads."""

from __future__ import annotations

from documents import RUNBOOKS, table, words
from shapes import SAMPLES

RUNBOOK = RUNBOOKS / "what-to-save.md"


def test_the_runbook_lists_every_shape():
    """Each tool that is understood stands in the table, by the name that the program uses."""
    assert {words(row[0])[0] for row in table(RUNBOOK, "tool")} == {
        sample.shape for sample in SAMPLES.values()
    }


def test_the_runbook_names_what_a_tool_never_holds():
    """What no file of a tool holds in the tests stands beside the tool, and nothing else."""
    for tool, _, never in table(RUNBOOK, "tool"):
        files = [sample for sample in SAMPLES.values() if sample.shape == words(tool)[0]]
        lacks = [
            missing for file in files for (kind, _), missing in file.not_held.items() if kind == "service"
        ]
        always = set.intersection(*lacks)
        assert set(words(never)) == always - {"limits.user_channels"} - {
            # The made-up state was not told these two, of which the provider could tell one.
            *({"consumption_report_interval"} if "twilio/twilio" in tool else ())
        }
