"""What single services lack in saved files is told, so that nothing passes for what is not there."""

from __future__ import annotations

from shapes import CHANNELS, HELP, SERVICES_V1, SERVICES_V2, SHOP, channel, compact, page, role, service_v2


def exported(tool, *documents):
    """What `export --channels` says of a file, and what a dry run says afterwards."""
    (tool.folder / "saved.json").write_text(compact(list(documents)), encoding="utf-8")
    result = tool("export", "--from-file", "saved.json", "--channels")
    assert result.code == 0, result.err
    return result.err, " ".join(tool("diff", "--offline").out.split())


def test_channels_of_some_services_only(lonely_tool):
    """A service of which no file holds channels is named: it may have some, as the others do."""
    said, report = exported(lonely_tool, *SERVICES_V2, CHANNELS[0])
    warning = f"Channels of these services were not examined: no file holds any: {HELP}."
    assert warning in said
    assert warning in report


def test_a_page_without_channels_shows_that_there_are_none(lonely_tool):
    """A service whose list of channels is there, and empty, was examined."""
    nothing = page("channels", [], f"/v2/Services/{HELP}/Channels")
    said, report = exported(lonely_tool, *SERVICES_V2, CHANNELS[0], nothing)
    assert "of these services" not in said + report


def test_roles_and_channels_of_a_service_that_is_not_there(lonely_tool):
    """A service that the files know only by what belongs to it is left out, and named."""
    lost, gone = f"IS{8:032x}", f"IS{9:032x}"
    said, report = exported(
        lonely_tool,
        *(service_v2(SHOP), CHANNELS[0]),
        role(f"RL{9:032x}", "admin", "channel", ["sendMessage"], of=gone),
        channel(f"CH{8:032x}", "Back", "public", of=lost),
    )
    warning = f"Services left out, because only roles or channels of them were read: {lost}, {gone}."
    assert warning in said
    assert warning in report


def test_whole_files_lack_nothing(lonely_tool):
    """Where each service has channels and each channel its service, nothing is told."""
    said, report = exported(lonely_tool, *SERVICES_V1, *SERVICES_V2, *CHANNELS)
    assert "of these services" not in said + report
    assert "left out" not in said + report
