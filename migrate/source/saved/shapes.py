"""How each tool writes a Chat resource, and how it is told by what it wrote.

Sources: the tools' own code. twilio-cli prints the JavaScript library's objects (camelCase at the top level only);
the schemas and `flatten` functions of both Terraform providers; the stream schemas of Airbyte's source-twilio and of
pipelinewise-tap-twilio (numbers pass through `float` there); the columns of steampipe-plugin-twilio, which asks
Twilio for 50 Services and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.source.saved import stream
from migrate.source.saved.documents import Element
from migrate.source.saved.fields import EXAMINED, TYPES, Types, put
from migrate.source.saved.items import Unusable, joined

Json = Any


@dataclass(frozen=True)
class Shape:
    """One way of writing Chat resources.

    Attributes:
        by_leaf: whether it may drop members of `limits`, `notifications` and the like, so that each has to be there
            by itself to count as examined.
        writes_floats: whether it writes whole numbers as `5.0`.
        keeps_strangers: whether a key that is unknown comes from Twilio itself, so that it stays in the resource.
        ignored: keys of its own, which say nothing of Chat.
        fifty: what to do if it holds exactly 50 resources, which is where it stops; "" if it does not stop.
    """

    name: str
    by_leaf: bool = False
    writes_floats: bool = False
    keeps_strangers: bool = False
    ignored: frozenset[str] = frozenset()
    fifty: str = ""


API = Shape("Chat API", keeps_strangers=True)
CLI = Shape("twilio-cli", fifty="Save it again with --no-limit, unless there are 50.")
PACKAGE = Shape("twilio package", ignored=frozenset({"_version", "_solution", "_context", "_properties"}))
FLAT_TERRAFORM = Shape(
    "Terraform, provider twilio/twilio", by_leaf=True, ignored=frozenset({"id", "timeouts"})
)
NESTED_TERRAFORM = Shape(
    "Terraform, provider RJPearson94/twilio", by_leaf=True, ignored=frozenset({"id", "timeouts"})
)
AIRBYTE = Shape("Airbyte", by_leaf=True, writes_floats=True)
SINGER = Shape("Singer", by_leaf=True, writes_floats=True)
STEAMPIPE = Shape(
    "Steampipe",
    ignored=frozenset({"title", "akas", "_ctx", "sp_ctx", "sp_connection_name"}),
    fifty="Steampipe's plugin reads no more than 50: save the rest in another way.",
)

KINDS = {"IS": "service", "RL": "role", "CH": "channel"}
_TERRAFORM_TYPES: Mapping[str, tuple[Shape, str]] = {
    "twilio_chat_services_v2": (FLAT_TERRAFORM, "service"),
    "twilio_chat_services_roles_v2": (FLAT_TERRAFORM, "role"),
    "twilio_ip_messaging_services_v2": (FLAT_TERRAFORM, "service"),
    "twilio_ip_messaging_services_roles_v2": (FLAT_TERRAFORM, "role"),
    "twilio_chat_service": (NESTED_TERRAFORM, "service"),
    "twilio_chat_role": (NESTED_TERRAFORM, "role"),
}
_STREAMS = frozenset({"services", "roles", "chat_channels", "chat-channels"})
_OTHER_MESSAGES = frozenset(
    {
        *("SCHEMA", "STATE", "ACTIVATE_VERSION", "BATCH"),
        *("LOG", "TRACE", "CATALOG", "SPEC", "CONNECTION_STATUS", "CONTROL"),
    }
)
"""Types of Singer's and Airbyte's messages that hold no record."""


@dataclass(frozen=True)
class SavedRecord:
    """One resource as a tool wrote it, in the API's own words where they are known.

    Attributes:
        kind: `service`, `role` or `channel` where the tool says it; None: its SID does.
        api: `v1` or `v2` where the tool says it; None: its URL and fields do.
        strangers: keys that are unknown at their place; they are not in `fields`.
    """

    shape: Shape
    fields: Mapping[str, Json]
    place: str
    kind: str | None = None
    api: str | None = None
    strangers: tuple[str, ...] = ()
    array: int | None = None


@dataclass(frozen=True)
class LeftOut:
    """Something of the tool's that is no Service, Role or Channel; `name` says what, "" if it is not worth telling."""

    name: str = ""


def records(element: Element) -> Iterator[SavedRecord | LeftOut]:
    """Yield the resources that one element of a file stands for.

    Raises:
        Unusable: it stands for something else.
    """
    value = element.value
    if not isinstance(value, dict):
        raise Unusable(element.place, f"is not a Chat resource but {_type_name(value)}", is_foreign=True)
    if element.within == "resources":
        yield from _terraform(value, element.place)
    elif "sid" not in value and str(value.get("type")) in _OTHER_MESSAGES:
        yield LeftOut()
    elif "sid" not in value and value.get("type") == "RECORD":
        yield _message(value, element.place)
    elif "sid" not in value and ("_airbyte_data" in value or _is_airbyte(value)):
        yield _airbyte(value, element.place)
    else:
        yield _resource(value, element)


def _message(value: dict[str, Json], place: str) -> SavedRecord | LeftOut:
    """Return the record of a message: Singer names the stream beside it, Airbyte inside it."""
    inner = value.get("record")
    if "stream" in value:
        return _of_stream(SINGER, value["stream"], inner, place)
    if not isinstance(inner, dict):
        raise Unusable(place, "is a message without a record", is_foreign=True)
    return _airbyte(inner, place)


def _is_airbyte(value: dict[str, Json]) -> bool:
    marks = any(key in ("stream", "emitted_at") or key.startswith("_airbyte_") for key in value)
    return "data" in value and (marks or len(value) == 1)


def _airbyte(value: dict[str, Json], place: str) -> SavedRecord | LeftOut:
    data = value.get("_airbyte_data", value.get("data"))
    if isinstance(data, str):
        data = stream.loads(data, place)
    return _of_stream(AIRBYTE, value.get("stream"), data, place)


def _of_stream(shape: Shape, name: Json, record: Json, place: str) -> SavedRecord | LeftOut:
    """Return a record of a stream; a table of Airbyte's holds the records of one stream and does not name it."""
    if name is not None and str(name) not in _STREAMS:
        return LeftOut(f"the stream {str(name)[:60]!r}")
    if not isinstance(record, dict):
        raise Unusable(place, f"is a record that is not an object but {_type_name(record)}", is_foreign=True)
    return SavedRecord(shape, record, place, api="v2")


def _resource(value: dict[str, Json], element: Element) -> SavedRecord:
    place, array = element.place, element.array
    if PACKAGE.ignored & value.keys():
        inner = value.get("_properties") if "sid" not in value else None
        fields = inner if isinstance(inner, dict) else value
        return SavedRecord(PACKAGE, fields, place, api=_package_version(value, place))
    if element.within == "rows" or STEAMPIPE.ignored & value.keys():
        return SavedRecord(STEAMPIPE, value, place, api="v2", array=array)
    kind = KINDS.get(str(value.get("sid"))[:2])
    if kind and _is_camel_case(value, kind):
        fields = {_CAMEL[kind][key]: inner for key, inner in value.items() if key in _CAMEL[kind]}
        strangers = tuple(key for key in value if key not in _CAMEL[kind])
        return SavedRecord(CLI, fields, place, strangers=strangers, array=array)
    return SavedRecord(API, value, place)


def _package_version(value: dict[str, Json], place: str) -> str | None:
    """Return the API version by the package's own `<Twilio.Chat.V1>`, if it was saved."""
    words = str(value.get("_version") or "").strip("<>").split(".")
    if len(words) != 3 or words[0] != "Twilio":
        return None
    if words[1] not in ("Chat", "IpMessaging") or words[2] not in ("V1", "V2"):
        raise Unusable(
            place, f"is a resource of {words[1]} {words[2]}, not of Chat v1 or v2", is_foreign=True
        )
    return words[2].lower()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_CAMEL = {kind: {_camel(name): name for name in types} for kind, types in TYPES.items()}
"""What twilio-cli calls the fields at the top level of a resource, by kind."""


def _is_camel_case(value: dict[str, Json], kind: str) -> bool:
    camel = sum(key in _CAMEL[kind] and key not in TYPES[kind] for key in value)
    snake = sum("_" in key and key in TYPES[kind] for key in value)
    return camel > snake


def _terraform(value: dict[str, Json], place: str) -> Iterator[SavedRecord | LeftOut]:
    """Yield the resources of one entry of a state, or of what `terraform show -json` makes of it."""
    name = str(value.get("type"))
    known = _TERRAFORM_TYPES.get(name)
    if known is None:
        is_chat = name.startswith(("twilio_chat", "twilio_ip_messaging"))
        yield LeftOut(f"the Terraform type {name[:60]!r}" if is_chat else "")
        return
    shape, kind = known
    for inner_place, attributes in _instances(value):
        where = joined(place, inner_place)
        if not isinstance(attributes, dict):
            raise Unusable(where, f"is a {name} without attributes")
        flat = shape is FLAT_TERRAFORM
        fields, strangers = _unflattened(attributes, kind) if flat else _unlisted(attributes, kind, where)
        yield SavedRecord(shape, fields, where, kind=kind, api="v2", strangers=strangers)


def _instances(value: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    instances = value.get("instances")
    if isinstance(instances, list):
        for index, instance in enumerate(instances):
            yield f"instances[{index}]", instance.get("attributes") if isinstance(instance, dict) else None
    else:
        yield "", value.get("values")


_FLAT: Mapping[str, Mapping[str, str]] = {
    "service": {
        "sid": "sid",
        **{
            path.replace(".", "_"): path for path in EXAMINED["service"] - {"webhooks", "media.size_limit_mb"}
        },
    },
    "role": {
        **{name: name for name in ("sid", "service_sid", "friendly_name", "type")},
        "permission": "permissions",
    },
}
"""The attributes of the provider twilio/twilio, with the path of the field that each stands for, by kind."""


def _unflattened(attributes: dict[str, Json], kind: str) -> tuple[dict[str, Json], tuple[str, ...]]:
    fields: dict[str, Json] = {}
    for name, path in _FLAT[kind].items():
        # Null stands for a value that Terraform was not told, too.
        if attributes.get(name) is not None:
            put(fields, path, attributes[name])
    return fields, tuple(key for key in attributes if key not in _FLAT[kind])


def _unlisted(attributes: dict[str, Json], kind: str, place: str) -> tuple[dict[str, Json], tuple[str, ...]]:
    types = TYPES[kind]
    known = {key: value for key, value in attributes.items() if key in types}
    return _without_lists(known, types, place), tuple(key for key in attributes if key not in types)


def _without_lists(value: Mapping[str, Json], types: Types, place: str) -> dict[str, Json]:
    """Return the objects of which the provider makes lists of one; what is null or an empty list is left out."""
    fields: dict[str, Json] = {}
    for key, inner in value.items():
        below = types.get(key)
        if not isinstance(below, dict):
            fields[key] = inner
        elif not (
            isinstance(inner, list) and all(isinstance(each, dict) for each in inner) and len(inner) < 2
        ):
            if inner is not None:
                raise Unusable(place, f"holds {key!r} as {_type_name(inner)}, not as a list of one object")
        elif inner:
            fields[key] = _without_lists(inner[0], below, place)
    return {key: inner for key, inner in fields.items() if inner is not None}


def _type_name(value: Json) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "an array"}
    return "an object" if isinstance(value, dict) else names.get(type(value), "null")
