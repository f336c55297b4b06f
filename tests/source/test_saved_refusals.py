"""What is no saved Chat resource is refused: by file, place and reason, in a sentence, before anything is kept."""

from __future__ import annotations

import gzip
import json
import math
import os
import threading

import pytest
from shapes import AC, ROLES, SAMPLES, SHOP, lines, nested_service, page, pretty, service_v2
from shapes import state_entry as entry
from shapes import terraform_state as state
from taking import OneByte, take
from twilio_cli import cli

from migrate.core.errors import BadInput
from migrate.source.saved import SavedFiles, documents

GOOD = service_v2("IS" + "9" * 32)
NAMED = json.dumps(GOOD).encode()
CONVERSATION = {
    "account_sid": None,
    "chat_service_sid": SHOP,
    "sid": "CH" + "0" * 32,
    "friendly_name": "x",
    "state": "active",
    "url": f"https://conversations.twilio.com/v1/Conversations/CH{'0' * 32}",
}
CONVERSATION_SERVICE = {
    "account_sid": AC,
    "sid": SHOP,
    "friendly_name": "x",
    "url": f"https://conversations.twilio.com/v1/Services/{SHOP}",
    "links": {"roles": f"https://conversations.twilio.com/v1/Services/{SHOP}/Roles"},
}


def without(resource, *keys):
    """A resource that lacks some keys."""
    return {key: value for key, value in resource.items() if key not in keys}


def text(value):
    """A value as JSON; text and bytes as they are."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


REFUSED = {
    # files
    "empty": ("", "saved-2.json is empty"),
    "only spaces": (" \n\n", "is empty"),
    "empty array": ([], "holds no Service, Role or Channel of Chat"),
    "HTML": ("<!DOCTYPE html><html></html>", "is HTML or XML, not JSON"),
    "XML error": ('<?xml version="1.0"?><TwilioResponse/>', "is HTML or XML, not JSON"),
    "not JSON": (
        "{'sid': 1}",
        "line 1 is not JSON: a key in double quotes|line 1 is not JSON: Expecting property",
    ),
    "binary": (bytes(range(256)), "is not UTF-"),
    "bad UTF-8 later on": (lines([GOOD]).encode() + b'{"sid": "\xff"}', r"is not UTF-8 text \(byte \d+\)"),
    "Latin-1": (
        json.dumps(GOOD, ensure_ascii=False).replace("🛒", "").encode("latin-1"),
        r"is not UTF-8 text",
    ),
    "zero bytes": (b"\0" * 9, "is not JSON"),
    "cut off in a string": (NAMED[:40], "line 1 is cut off"),
    "cut off between elements": (json.dumps([GOOD, GOOD])[:-1], "is cut off"),
    "cut off in a list": (pretty([page("services", [GOOD], "/v2/Services")])[:-200], r"line \d+ is cut off"),
    "cut off in gzip": (gzip.compress(NAMED)[:-12], "is cut off: its gzip data ends too early"),
    "damaged gzip": (b"\x1f\x8b\x08" + b"x" * 50, "is damaged"),
    "bad line": (lines([GOOD]) + "{x\n", "line 2 is not JSON"),
    "bad line after many": (lines([GOOD] * 400) + '{"a" 1}' + lines([GOOD] * 400), "line 401 is not JSON"),
    "comma between documents": ("1, 2", "line 1 is not a Chat resource but a number"),
    "trailing comma": (f"[{json.dumps(GOOD)},]", "is not JSON: Expecting value"),
    # JSON that is no resource
    "null": ("null", "line 1 is not a Chat resource but null"),
    "true": (True, "is not a Chat resource but true or false"),
    "string": ('"IS"', "is not a Chat resource but a string"),
    "array in array": ([[GOOD]], "item 1 is not a Chat resource but an array"),
    "object": ({"a": 1}, "its 'sid' is missing"),
    "page of strings": (
        page("services", ["a"], "/v2/Services"),
        r"services\[0\] is not a Chat resource but a string",
    ),
    "page that is none": ({"services": 5}, "its 'sid' is missing"),
    "resource with a list": ({**GOOD, "channels": [ROLES[0]]}, "holds both a resource of its own and a list"),
    "empty page of roles": (page("roles", [], f"/v2/Services/{SHOP}/Roles"), "is a page without any roles"),
    "empty page of services": (page("services", [], "/v2/Services"), "is a page without any services"),
    "state without Chat": (state([]), "holds no Service, Role or Channel of Chat"),
    # errors
    "401": (
        {"code": 20003, "detail": "", "message": "Authenticate", "more_info": "x", "status": 401},
        r"an error that was saved instead of data: Authenticate \(HTTP 401, error 20003\)",
    ),
    "404": (
        {"code": 20404, "message": "The requested resource was\nnot found", "status": 404},
        r"The requested resource was not found \(HTTP 404, error 20404\)",
    ),
    "error in a line": (
        lines([GOOD, {"message": "Too Many Requests", "status": 429}]),
        r"line 2 is an error",
    ),
    # other products
    "Conversation Service": (CONVERSATION_SERVICE, r"of conversations\.twilio\.com, not of the Chat API"),
    "Conversation Service of twilio-cli": (
        without(cli(CONVERSATION_SERVICE), "url"),
        r"of conversations\.twilio\.com",
    ),
    "Conversation": (CONVERSATION, "whose 'service_sid' is missing|conversations"),
    "page of Conversations": (
        {"meta": {"url": "https://conversations.twilio.com/v1/Conversations", "key": "conversations"}},
        r"of conversations\.twilio\.com",
    ),
    "Service of Sync": ({**GOOD, "url": "https://sync.twilio.com/v1/Services/IS"}, r"of sync\.twilio\.com"),
    "Service that says nothing": (
        {"sid": SHOP, "friendly_name": "x"},
        "no field that shows it to be a service of Chat",
    ),
    "Chat v3": (
        {
            "sid": "CH" + "0" * 32,
            "service_sid": SHOP,
            "url": f"https://chat.twilio.com/v3/Services/{SHOP}/Channels/CH",
        },
        "is a resource of Chat v3",
    ),
    "Flex flow": (
        {"sid": "FO" + "0" * 32, "chat_service_sid": SHOP, "channel_type": "web"},
        "its 'sid' is \"FO0",
    ),
    "package of Conversations": (
        {**GOOD, "_version": "<Twilio.Conversations.V1>"},
        "is a resource of Conversations V1",
    ),
    # SIDs
    "short SID": ({**GOOD, "sid": "IS12"}, "its 'sid' is \"IS12\""),
    "SID with a line end": ({**GOOD, "sid": SHOP + "\n"}, "and 32 hexadecimal digits"),
    "SID that is a path": ({**GOOD, "sid": "../../x"}, "and 32 hexadecimal digits"),
    "long SID": ({**GOOD, "sid": "IS" + "0" * 900}, r"\.\.\., not IS"),
    "SID that is no string": ({**GOOD, "sid": {"a": [1]}}, "and 32 hexadecimal digits"),
    "malformed account": ({**GOOD, "account_sid": "AC12"}, "'account_sid' \"AC12\""),
    "empty account": ({**GOOD, "account_sid": ""}, "'account_sid' \"\""),
    "role without service": (without(ROLES[0], "service_sid"), "a role whose 'service_sid' is missing"),
    "role as a Service in a state": (
        state([entry("twilio_chat_service", "x", [{**ROLES[0]}])]),
        r"resources\[1\], instances\[0\] should be a service",
    ),
    "state without attributes": (state([entry("twilio_chat_service", "x", [None])]), "without attributes"),
    # values
    "string for an object": ({**GOOD, "limits": "5"}, "holds \"5\" as 'limits', where an object belongs"),
    "string for a flag": (
        {**GOOD, "reachability_enabled": "true"},
        "holds \"true\" as 'reachability_enabled'",
    ),
    "string for a number": (
        {**GOOD, "limits": {"user_channels": "5"}},
        "holds \"5\" as 'limits.user_channels', where a whole number belongs",
    ),
    "flag for a number": ({**GOOD, "typing_indicator_timeout": True}, "where a whole number belongs"),
    "fraction": ({**GOOD, "typing_indicator_timeout": 5.0}, "holds 5.0 as 'typing_indicator_timeout'"),
    "fraction in Airbyte": ({"_airbyte_data": {**GOOD, "typing_indicator_timeout": 5.5}}, "holds 5.5"),
    "number in a list": ({**GOOD, "webhook_filters": [5]}, "where a list of strings belongs"),
    "string of JSON in Airbyte": ({"_airbyte_data": "{"}, "holds a string that is cut off"),
    "two limits in a state": (
        state([entry("twilio_chat_service", "x", [{**nested_service(GOOD), "limits": [{}, {}]}])]),
        "holds 'limits' as an array, not as a list of one object",
    ),
    # JSON by the letter
    "NaN": ({**GOOD, "x": math.nan}, "holds NaN"),
    "Infinity": ({**GOOD, "x": math.inf}, "holds Infinity"),
    "number too large": (NAMED[:-1] + b', "x": 1e999}', "holds a number that is too large: 1e999"),
    "number too long": (NAMED[:-1] + b', "x": ' + b"9" * 5000 + b"}", "holds a number of 5,000 digits"),
    "lone surrogate": ({**GOOD, "friendly_name": "\ud83d"}, "holds a lone surrogate"),
    "key twice": (NAMED[:-1] + b', "webhook_method": "POST"}', 'holds the key "webhook_method" twice'),
    "number as a key": (b'{5: "x", ' + NAMED[1:], "is not JSON"),
    "key twice inside": (NAMED[:-1] + b', "x": {"a": 1, "a": 2}}', 'holds the key "a" twice'),
    "nested without end": ("[" * 100_000, "is nested more than 50 levels deep"),
    "nested too deep": ({**GOOD, "x": json.loads("[" * 90 + "]" * 90)}, "is nested more than 50 levels deep"),
    "one huge value": ([{**GOOD, "x": "y" * 9_000_000}], "a single value of more than 8,000,000 characters"),
    "one huge object": (
        json.dumps({**{f"k{n}": "y" * 1_000_000 for n in range(9)}, "services": [GOOD]}),
        "holds an object of more than 8,000,000 characters beside its lists",
    ),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_saved_chat_is_refused_by_name_and_place(tmp_path, content, message):
    """A file that cannot be used is refused in one line that names it and ends like a sentence."""
    with pytest.raises(BadInput, match=message) as refusal:
        take(NAMED, text(content), folder=tmp_path)
    told = str(refusal.value)
    assert told.startswith(f"{tmp_path}/saved-2.json")
    assert told.isprintable()
    assert told.endswith(".")
    assert told.count("Understood are") <= 1


@pytest.mark.parametrize("name", [name for name in REFUSED if "huge" not in name])
def test_what_is_refused_at_once_is_refused_member_by_member(monkeypatch, name):
    """A document that is too long to be read at once is judged by the same rules."""
    monkeypatch.setattr(documents, "SMALL", 1)
    with pytest.raises(BadInput):
        list(SavedFiles(["-"], stdin=OneByte(text(REFUSED[name][0]))))


def test_a_byte_that_is_no_text_is_counted_from_the_start():
    """The place of a bad byte is right after characters of several bytes that arrive in pieces."""
    with pytest.raises(BadInput, match=r"is not UTF-8 text \(byte 7\)"):
        list(SavedFiles(["-"], stdin=OneByte(b'"abc\xc3\xa9\xff"')))


def test_what_is_understood_is_said_with_what_is_foreign():
    """Another product's JSON is refused with the list of what could be read instead; a broken file is not."""
    with pytest.raises(BadInput, match=r"Understood are the Chat API's own JSON .* Terraform, Airbyte"):
        take(json.dumps(CONVERSATION_SERVICE).encode())
    with pytest.raises(
        BadInput, match=r"^standard input, line 1 is cut off: it ends in the middle of a value\.$"
    ):
        take(NAMED[:40])


@pytest.mark.parametrize("name", ["missing.json", ".", "x" * 300, "missing/below.json", "nul\0byte"])
def test_a_file_that_cannot_be_opened_is_named(tmp_path, name):
    """A missing file, a directory and an impossible name are each refused with the system's reason."""
    with pytest.raises(BadInput, match="cannot be read: ") as refusal:
        list(SavedFiles([tmp_path / name]))
    assert str(tmp_path) in str(refusal.value)


def test_standard_input_is_read_once():
    """Naming - twice is refused instead of reading nothing the second time."""
    with pytest.raises(BadInput, match="only once"):
        list(SavedFiles(["-", "-"]))


# -- pages ------------------------------------------------------------------------------------------------------


def piece(number, of, key="services", path="/v2/Services"):
    """One page of a list of several."""
    address = f"https://chat.twilio.com{path}?PageSize=1&Page="
    meta = {
        "page": number,
        "page_size": 1,
        "url": f"{address}{number}" + (f"&PageToken=PA{number}" if number else ""),
        "next_page_url": f"{address}{number + 1}&PageToken=PA{number + 1}" if number + 1 < of else None,
        "previous_page_url": f"{address}{number - 1}&PageToken=PB{number - 1}" if number else None,
    }
    return json.dumps({key: [service_v2(f"IS{number:032x}")], "meta": meta}).encode()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_pages_of_a_list_may_come_in_any_order(tmp_path, order):
    """A list whose pages are all there is whole, whichever file comes first."""
    taken = take(*(piece(number, 3) for number in order), folder=tmp_path)
    assert len(taken.items) == 3
    assert taken.files.warnings == ()


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        (
            (0,),
            r"saved-1.json is a page of a longer list: its next page \(/v2/Services\?Page=1&PageSize=1\)",
        ),
        ((1, 2), "its previous page"),
        ((0, 2), "next"),
    ],
)
def test_a_missing_page_is_refused(tmp_path, numbers, reason):
    """A page whose neighbour is not among the files is refused, unless the list may be incomplete; then it is told."""
    pages = [piece(number, 3) for number in numbers]
    with pytest.raises(BadInput, match=rf"{reason} .*is not among the files\. Add it, or use --partial"):
        take(*pages, folder=tmp_path)
    taken = take(*pages, folder=tmp_path, partial=True)
    assert len(taken.items) == len(numbers)
    assert all(
        warning.endswith("is not among the files, so the list is incomplete.")
        for warning in taken.files.warnings
    )
    assert taken.files.warnings


def test_pages_are_found_without_the_way_back(tmp_path):
    """A list whose pages name only the next one is whole in any order."""
    pages = [json.loads(piece(number, 2)) for number in (0, 1)]
    pages[1]["meta"]["previous_page_url"] = None
    assert len(take(*(json.dumps(each).encode() for each in pages), folder=tmp_path).items) == 2


def test_the_last_page_may_be_empty(tmp_path):
    """A page after the first one may have nothing left to show."""
    last = {**json.loads(piece(1, 2)), "services": []}
    assert len(take(piece(0, 2), json.dumps([last, GOOD]).encode(), folder=tmp_path).items) == 2


def test_a_list_of_another_service_is_no_next_page(tmp_path):
    """Pages belong together by their address: another Service's second page completes nothing."""
    roles = [piece(0, 2, path="/v2/Services/IS1/Roles"), piece(1, 2, path="/v2/Services/IS2/Roles")]
    with pytest.raises(BadInput, match="IS1/Roles"):
        take(*roles, folder=tmp_path)


def test_an_empty_page_of_channels_says_that_there_are_none():
    """A Service without channels has an empty list, which counts as examined."""
    taken = take(json.dumps(page("channels", [], f"/v2/Services/{SHOP}/Channels")).encode())
    assert taken.items == []
    assert "channels" not in taken.files.not_examined


# -- packing and encoding ---------------------------------------------------------------------------------------

TEXT = json.dumps(GOOD, ensure_ascii=False)
FORMS = {
    "UTF-8 with mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16 with mark": TEXT.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "UTF-16 without mark": TEXT.encode("utf-16-le"),
    "UTF-16, big end first, without mark": TEXT.encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
    "gzip": gzip.compress(TEXT.encode()),
    "gzip of UTF-16": gzip.compress(TEXT.encode("utf-16")),
    "two gzip files in one": gzip.compress(TEXT[:99].encode()) + gzip.compress(TEXT[99:].encode()),
    "padded gzip": gzip.compress(TEXT.encode()) + b"\0" * 512,
    "Windows line ends": pretty([GOOD]).replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_packing_and_encoding_make_no_difference(content):
    """A Service arrives the same, whatever its file is packed and encoded in."""
    [item] = take(content).items
    assert item.payload == GOOD


def test_a_named_pipe_is_read_once(tmp_path):
    """What is written to a FIFO while it is read arrives whole."""
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    content = SAMPLES["JSON lines"].content
    writer = threading.Thread(target=fifo.write_bytes, args=(content,))
    writer.start()
    found = list(SavedFiles([fifo]))
    writer.join()
    assert [item.payload for item in found] == [item.payload for item in take(content).items]


def test_the_place_is_named_by_line_item_and_list(tmp_path):
    """Each resource knows the file and the place in it that it came from."""
    contents = (
        NAMED,
        lines([GOOD, [GOOD, page("services", [GOOD], "/v2/Services")]]).encode(),
        pretty([page("services", [GOOD, GOOD], "/v2/Services")]).encode(),
        SAMPLES["Terraform RJPearson94/twilio"].content,
        SAMPLES["terraform show"].content,
    )
    places = [
        str(item.origin).removeprefix(f"{tmp_path}/") for item in take(*contents, folder=tmp_path).items
    ]
    assert places == [
        "saved-1.json, line 1",
        "saved-2.json, line 1",
        "saved-2.json, line 2, item 1",
        "saved-2.json, line 2, item 2, services[0]",
        "saved-3.json, services[0]",
        "saved-3.json, services[1]",
        "saved-4.json, resources[1], instances[0]",
        "saved-4.json, resources[1], instances[1]",
        "saved-4.json, resources[2], instances[0]",
        "saved-4.json, resources[2], instances[1]",
        "saved-4.json, resources[2], instances[2]",
        "saved-5.json, values, root_module, resources[0]",
        "saved-5.json, values, root_module, child_modules[0], resources[0]",
        "saved-5.json, values, root_module, child_modules[0], child_modules[0], resources[0]",
        "saved-5.json, values, root_module, child_modules[0], child_modules[0], resources[1]",
        "saved-5.json, values, root_module, child_modules[0], child_modules[0], resources[2]",
    ]
