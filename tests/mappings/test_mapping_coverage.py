"""The mappings own every field that Twilio's own library knows, and nothing but the standard library serves them."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from twilio.rest import Client
from twilio.rest.chat.v1 import service as v1
from twilio.rest.chat.v1.service import role as v1_role
from twilio.rest.chat.v2 import service as v2
from twilio.rest.chat.v2.service import role as v2_role

import mappings
from mappings import FIELDS, Api, Resource, registry, roles

SOURCES = Counter(field.source for field in FIELDS)
MODULES = [
    importlib.import_module(info.name) for info in pkgutil.walk_packages(mappings.__path__, "mappings.")
]


def _properties(instance_class, *sids):
    """The properties that the library reads from an answer."""
    chat = Client("AC" + "0" * 32, "no-secret").chat
    version = chat.v1 if ".v1." in instance_class.__module__ else chat.v2
    instance = instance_class(version, {}, *sids)
    return sorted(name for name in vars(instance) if not name.startswith("_"))


def _parameters(instance_class):
    """The parameters that the library sends in an update, `limits_channel_members`."""
    names = inspect.signature(instance_class.update).parameters
    return sorted(name for name in names if name != "self" and not name.startswith("x_twilio"))


def _owners(flat_name, prefix=""):
    """The fields that own a property, by its name or as the object that holds them."""
    sources = [source.removeprefix(prefix) for source in SOURCES.elements() if source.startswith(prefix)]
    exact = [source for source in sources if source.replace(".", "_") == flat_name]
    return exact or [source.partition(".")[0] for source in sources if source.startswith(f"{flat_name}.")]


@pytest.mark.parametrize("library", [v1, v2])
def test_every_property_of_a_service_is_owned(library):
    """A property that the library reads, and that no mapping owns, fails here."""
    properties = _properties(library.ServiceInstance, "IS" + "0" * 32)
    assert "webhook_filters" in properties
    assert [name for name in properties if len(set(_owners(name))) != 1] == []


@pytest.mark.parametrize("library", [v1, v2])
def test_every_parameter_of_a_service_is_owned_once(library):
    """A parameter that the library can write is one field of one mapping."""
    parameters = _parameters(library.ServiceInstance)
    assert "notifications_new_message_template" in parameters
    assert [name for name in parameters if len(_owners(name)) != 1] == []


@pytest.mark.parametrize("library", [v1_role, v2_role])
def test_every_property_of_a_role_is_owned_once(library):
    """A property of a role that the coverage table does not list fails here."""
    properties = _properties(library.RoleInstance, "IS" + "0" * 32, "RL" + "0" * 32)
    assert "permissions" in properties
    assert [name for name in properties if len(_owners(name, "roles.<friendly_name>.")) != 1] == []


def test_the_api_of_a_field_is_that_of_the_library():
    """A field said to be of one version is a parameter of that version only."""
    parameters = {
        api: set(_parameters(library.ServiceInstance)) for api, library in ((Api.V1, v1), (Api.V2, v2))
    }
    for field in FIELDS:
        held = {api for api, names in parameters.items() if field.source.replace(".", "_") in names}
        if held and field.api is not Api.BOTH:
            assert held == {field.api}, field.source


def test_no_field_is_owned_twice():
    """Two mappings never decide on one field."""
    assert [source for source, count in SOURCES.items() if count > 1] == []


def test_the_table_is_sorted_and_says_a_rule_for_each_field():
    """The coverage table is stable, and no row is without its rule."""
    assert [field.source for field in FIELDS] == sorted(SOURCES)
    assert all(field.rule for field in FIELDS)
    assert all((field.resource is None) == (field.target is None) for field in FIELDS)


def test_every_mapping_is_registered():
    """A new module with fields that nobody asked to translate fails here."""
    declared = [getattr(module, "ROWS", ()) for module in MODULES]
    rows = [row for each in declared if each is not registry.ROWS for row in each]
    assert {id(row) for row in rows} == {id(row) for row in registry.ROWS}
    assert sorted([row.field.source for row in rows] + [f.source for f in roles.ROLE_FIELDS]) == sorted(
        SOURCES
    )


CONVERSATIONS_SETTINGS = {
    Resource.CONFIGURATION: "configuration",
    Resource.NOTIFICATIONS: "configuration.notification",
    Resource.WEBHOOKS: "configuration.webhook",
}


@pytest.mark.parametrize(("resource", "name"), CONVERSATIONS_SETTINGS.items())
def test_every_target_can_be_written(resource, name):
    """A target is a parameter of the library's update of that Conversations resource."""
    module = importlib.import_module(f"twilio.rest.conversations.v1.service.{name}")
    holder = next(
        member
        for title, member in vars(module).items()
        if title.endswith("Context") and member.__module__ == module.__name__
    )
    parameters = set(_parameters(holder))
    targets = {field.target.replace(".", "_") for field in FIELDS if field.resource is resource}
    assert targets
    assert targets <= parameters


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_mapping_imports_the_standard_library_only(module):
    """The mappings stay pure: no client, no database, nothing of the rest of the tool."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    roots = {(name or "").partition(".")[0] for name in imported}
    assert roots <= sys.stdlib_module_names | {"mappings"}
