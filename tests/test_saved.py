"""`export --from-file`: what saved JSON is understood, and what is refused, before the database is touched."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from saved_json import ACCOUNT, OTHER_ACCOUNT, lines, page, role, service, sid, write

from migrate.core.errors import BadInput
from migrate.source.files import api_version, read_files
from migrate.source.live import ExportRequest, export_files
from migrate.store import open_store, snapshots


@pytest.fixture
def take(tmp_path):
    """Write contents to files, export them, and return (store, snapshot)."""

    def run(*contents, account_sid=None, **request):
        paths = tuple(write(tmp_path / f"saved-{n}.json", content) for n, content in enumerate(contents, 1))
        with open_store(tmp_path / "test.db") as store:
            snapshot = export_files(store, paths, ExportRequest(**request), account_sid)
            return snapshot, list(snapshots.services_of(store, snapshot.id))

    return run


V1, V2 = service(1, "v1", webhooks={}), service(1, "v2")
THREE = [service(number) for number in (1, 2, 3)]

FORMS = {
    "one service": V2,
    "list page": page("services", [V2]),
    "array of services": [V2],
    "array of pages": [page("services", [V2])],
    "array of a page and a service": [page("services", [V2]), V2],
    "JSON lines": lines(V2),
    "JSON lines of pages": lines(page("services", [V2])),
    "JSON lines of arrays": lines([V2]),
    "JSON lines with empty lines": "\n" + lines(V2) + "\n\n",
    "indented": json.dumps(V2, indent=2),
    "indented array": json.dumps([V2], indent=2),
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(V2).encode(),
    "byte order mark before lines": b"\xef\xbb\xbf" + lines(V2).encode(),
    "Windows line ends": lines(V2).replace("\n", "\r\n"),
    "no line end": lines(V2).rstrip(),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_every_form_of_saved_json_is_understood(take, content):
    """Whatever way a service was saved, the snapshot holds it whole, and nothing else."""
    snapshot, [found] = take(content)
    assert (snapshot.source, snapshot.account_sid, snapshot.apis, snapshot.services) == (
        "file",
        ACCOUNT,
        "v2",
        1,
    )
    assert (found.sid, found.v1, found.v2, found.roles) == (V2["sid"], None, V2, ())


@pytest.mark.parametrize(
    "contents",
    [([V1, V2],), (V1, V2), (V2, V1), (lines(V1, V2),), (page("services", [V1]), page("services", [V2]))],
    ids=["array", "two files", "other order", "lines", "two pages"],
)
def test_both_views_of_a_service_merge(take, contents):
    """A v1 and a v2 view of one service are one service with both views."""
    snapshot, [found] = take(*contents)
    assert (snapshot.apis, found.v1, found.v2) == ("v1,v2", V1, V2)


def test_roles_are_kept_in_their_order(take):
    """Roles, on a page or by themselves, go to their service in the order of the files."""
    roles = [role(3), role(1), role(2)]
    _, [one, two] = take([service(1), service(2)], page("roles", roles), role(9, of=2))
    assert one.roles == tuple(roles)
    assert two.roles == (role(9, of=2),)


def test_a_batch_boundary_loses_nothing(take):
    """More services than one transaction takes all arrive."""
    snapshot, found = take(lines(*(service(number) for number in range(1, 252))))
    assert snapshot.services == len(found) == 251


def test_the_provenance_names_file_and_place(tmp_path):
    """Each resource knows the file and the place in it that it came from."""
    paths = (
        write(tmp_path / "one.json", V2),
        write(tmp_path / "lines.jsonl", lines(V1, [V2])),
        write(tmp_path / "page.json", json.dumps(page("services", THREE), indent=1)),
    )
    places = [found.place.removeprefix(f"{tmp_path}/") for found in read_files(paths)]
    assert places == [
        "one.json, line 1",
        "lines.jsonl, line 1",
        "lines.jsonl, line 2, item 1",
        "page.json, services[0]",
        "page.json, services[1]",
        "page.json, services[2]",
    ]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"url": "https://chat.twilio.com/v1/Services/IS"}, "v1"),
        ({"url": "https://chat.twilio.com/v2/Services/IS", "webhooks": {}}, "v2"),
        ({"media": {}}, "v2"),
        ({"pre_webhook_retry_count": 0, "webhooks": {}}, "v2"),
        ({"post_webhook_retry_count": 0}, "v2"),
        ({"webhooks": {}}, "v1"),
        ({"date_created": "Wed, 01 Jan 2020 00:00:00 +0000"}, "v1"),
        ({"date_created": "2020-01-01T00:00:00Z"}, "v2"),
        ({"date_created": 5, "url": None}, "v2"),
        ({"date_created": "1 Jan 2020 01:01:01 +99999999999999999999999"}, "v2"),
        ({}, "v2"),
    ],
)
def test_the_version_is_told_by_url_then_keys_then_dates(payload, expected):
    """A resource's version is what its URL says, else what only that version holds."""
    assert api_version(payload) == expected


@pytest.mark.parametrize(
    "again", [V2, {**V2, "date_updated": "2026-01-01T00:00:00Z"}, dict(reversed(V2.items()))]
)
def test_the_same_view_twice_is_one(take, again):
    """Two copies of one view with equal settings are no contradiction."""
    snapshot, _ = take(V2, again)
    assert snapshot.services == 1


CONTRADICTIONS = {
    "service": (V2, {**V2, "friendly_name": "Other"}),
    "role": ([V2, role()], [role(permissions=["editOwnMessage"])]),
}


@pytest.mark.parametrize("contents", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_two_places_that_disagree_are_both_named(take, contents):
    """One resource shown differently in two places is refused, naming both."""
    with pytest.raises(BadInput, match=r"saved-2\.json.* differently from .*saved-1\.json"):
        take(*contents)


def test_two_accounts_are_refused(take):
    """Services of two accounts make no snapshot; the message names the accounts and where they are."""
    with pytest.raises(
        BadInput, match=rf"{ACCOUNT} \(.*saved-1\.json.*\), {OTHER_ACCOUNT} \(.*saved-2\.json"
    ):
        take(service(1), service(2, account_sid=OTHER_ACCOUNT))


def test_an_unnamed_account_is_taken_from_the_environment(take):
    """Where no resource names its account, the one that was given owns the snapshot."""
    nameless = service(account_sid=None)
    with pytest.raises(BadInput, match="Set TWILIO_ACCOUNT_SID"):
        take(nameless)
    snapshot, _ = take(nameless, account_sid=OTHER_ACCOUNT)
    assert snapshot.account_sid == OTHER_ACCOUNT


def test_service_and_api_narrow_files_too(take):
    """`--service` and `--api` choose among the resources of the files."""
    snapshot, [found] = take([V1, *THREE, role(), role(2, of=2)], services=(sid("IS", 2),), apis=("v2",))
    assert (snapshot.services, found.sid, found.roles) == (1, sid("IS", 2), (role(2, of=2),))


@pytest.mark.parametrize(
    ("contents", "request_", "message"),
    [
        ([V2], {"services": (sid("IS", 9),)}, rf"No such Chat Service in the files: {sid('IS', 9)}"),
        ([V2], {"apis": ("v1",)}, "no Chat Service that --service and --api leave over"),
        ([role()], {}, "no Chat Service"),
    ],
)
def test_a_choice_that_leaves_nothing_is_refused(take, contents, request_, message):
    """A snapshot of nothing is never taken from files."""
    with pytest.raises(BadInput, match=message):
        take(*contents, **request_)


NO_SERVICES = {
    "empty": ("", "is empty"),
    "only spaces": (" \n\n", "is empty"),
    "empty array": ([], "holds no Chat Service"),
    "empty page": (page("services", []), "holds no Chat Service"),
    "not JSON": ("{'sid': 1}", r"is not JSON: .* \(line 1, column 2\)"),
    "cut off": (json.dumps(THREE, indent=2)[:-40], r"is not JSON: .* \(line \d+, column \d+\)"),
    "bad line": (lines(V2) + "{x\n", r"is not JSON: .* \(line 2, column 2\)"),
    "HTML": ("<html></html>", "is not JSON"),
    "binary": (bytes(range(256)), "is not UTF-8 text"),
    "UTF-16": (json.dumps(V2).encode("utf-16"), "is not UTF-8 text"),
    "bad UTF-8 later on": (lines(V2).encode() + b'{"sid": "\xff"}', "is not UTF-8 text"),
    "zero bytes": (b"\0" * 9, "is not JSON"),
    "null": (None, "is not a Chat Service but null"),
    "true": (True, "is not a Chat Service but true or false"),
    "number": (5, "is not a Chat Service but a number"),
    "string": ("5 6", "is not JSON"),
    "JSON string": ('"IS"', "is not a Chat Service but a string"),
    "array in array": ([[V2]], "item 1 is not a Chat Service but an array"),
    "object": ({"a": 1}, "its 'sid' is missing"),
    "page of strings": (page("services", ["a"]), r"services\[0\] is not a Chat Service but a string"),
    "page that is none": ({"services": 5}, "'services' is not a list"),
    "error envelope": ({"code": 20003, "message": "Authenticate", "status": 401}, "its 'sid' is missing"),
    "short SID": (service(sid="IS12"), "its 'sid' is \"IS12\""),
    "SID of a channel": (service(sid=sid("CH", 1)), "not IS and 32 hexadecimal digits"),
    "SID with a line end": (service(sid=sid("IS", 1) + "\n"), "not IS and 32 hexadecimal digits"),
    "SID that is a path": (service(sid="../../x"), "not IS and 32 hexadecimal digits"),
    "long SID": (service(sid="IS" + "0" * 900), r"\.\.\., not IS"),
    "SID that is no string": (service(sid={"a": [1]}), "not IS and 32 hexadecimal digits"),
    "malformed account": (service(account_sid="AC12"), "'account_sid' is \"AC12\""),
    "empty account": (service(account_sid=""), "'account_sid' is \"\""),
    "role without service": ([V2, role(service_sid=None)], "a Role whose 'service_sid' is missing"),
    "service of Conversations": (
        service(url="https://conversations.twilio.com/v1/Services/IS"),
        r"a resource of conversations\.twilio\.com, not of the Chat API",
    ),
    "service of Sync": (
        service(url="https://sync.twilio.com/v1/Services/IS"),
        r"a resource of sync\.twilio\.com",
    ),
    "NaN": (service(x=math.nan), "NaN"),
    "Infinity": (service(x=math.inf), "Infinity"),
    "float too large": (json.dumps(V2)[:-1] + ', "x": 1e999}', "too long"),
    "a lone surrogate": (service(friendly_name="\ud83d"), "a lone surrogate"),
    "nested without end": ("[" * 100_000, r"levels deep|not JSON"),
    "nested too deep": (service(x=json.loads("[" * 90 + "]" * 90)), "levels deep"),
}


@pytest.mark.parametrize(("content", "message"), NO_SERVICES.values(), ids=NO_SERVICES)
def test_what_is_no_chat_service_is_refused_by_name_and_place(take, tmp_path, content, message):
    """A file that cannot be used is refused in one sentence that names it, and no snapshot is begun."""
    document = "null" if content is None else content
    with pytest.raises(BadInput, match=message) as refusal:
        take(V2 if content == "" else service(7), document)
    assert "saved-2.json" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "test.db").exists()


@pytest.mark.parametrize("name", ["missing.json", ".", "x" * 300, "missing/below.json"])
def test_a_file_that_cannot_be_opened_is_named(tmp_path, name):
    """A missing file, a directory and an impossible name are each refused with the system's reason."""
    with pytest.raises(BadInput, match="cannot be read: ") as refusal:
        list(read_files((tmp_path / name,)))
    assert str(tmp_path) in str(refusal.value)


def test_a_number_of_many_digits_is_kept(take):
    """An integer larger than any machine word arrives whole."""
    _, [found] = take(service(limits={"channel_members": 10**400}))
    assert found.v2["limits"] == {"channel_members": 10**400}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
SIDS = st.sampled_from([sid("IS", 1), sid("IS", 2), sid("RL", 1), "IS", "", ACCOUNT, OTHER_ACCOUNT])
KEYS = st.sampled_from(
    ["sid", "service_sid", "account_sid", "services", "roles", "meta", "url", "date_created", "friendly_name"]
) | st.text(max_size=4)
DATES = st.sampled_from(["Wed, 01 Jan 2020 00:00:00 +0000", "0", "1 Jan 99999999 1:1", "https://[", "//[x"])
JSON = st.recursive(
    SCALARS | SIDS | DATES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
NEAR_SERVICES = st.fixed_dictionaries(
    {"sid": SIDS},
    optional={"account_sid": SIDS, "date_created": DATES | JSON, "url": DATES | JSON, "x": JSON},
)
MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def exported(folder, content):
    """Export one file; return the refusal, or None."""
    path = write(folder / "any.json", content)
    database = folder / "any.db"
    try:
        with open_store(database) as store:
            snapshot = export_files(store, (path,), ExportRequest(), None)
            assert list(snapshots.services_of(store, snapshot.id))
    except BadInput as refusal:
        assert not database.exists()
        return refusal
    database.unlink()
    return None


@MANY
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_arbitrary_bytes_are_refused_calmly(tmp_path, content):
    """No bytes whatever cause anything but a refusal."""
    assert exported(tmp_path, content) is not None


@MANY
@given(JSON | NEAR_SERVICES | st.lists(NEAR_SERVICES, max_size=3))
def test_arbitrary_json_is_taken_or_refused(tmp_path, content):
    """No JSON whatever causes anything but a snapshot or a refusal."""
    refusal = exported(tmp_path, json.dumps(content))
    assert refusal is None or "any.json" in str(refusal) or "The files hold no" in str(refusal)
