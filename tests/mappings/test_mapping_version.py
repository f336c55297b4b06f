"""The mapping version stands for what becomes of a service: a plan of another version is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mappings import MAPPING_VERSION, ChatService, translate

CORPUS = json.loads(Path(__file__).with_name("corpus.json").read_text(encoding="utf-8"))

PINNED = ("2", "56179a40c560b131")
"""The mapping version, and the digest of what it makes of the corpus."""


def plain(translation):
    """All of a translation that a plan goes by; the wording of a reason is free."""
    outcomes = [
        {**each._asdict(), "reasons": [(reason.id, dict(reason.args)) for reason in each.reasons]}
        for each in translation.outcomes
    ]
    roles = [vars(role) for role in translation.roles]
    settings = {resource.value: paths for resource, paths in translation.settings.items()}
    return [translation.friendly_name, outcomes, settings, roles, translation.uncertain_filters]


def translations(same):
    """The corpus, translated."""
    for each in CORPUS:
        service = ChatService(
            "IS00", each["v1"], each["v2"], tuple(each["roles"]), each.get("not_examined", {})
        )
        yield translate(service, same_service=same)


def test_another_translation_has_another_version():
    """Whoever changes what becomes of a field finds out here that plans made before must be refused."""
    found = [plain(translation) for same in (True, False) for translation in translations(same)]
    text = json.dumps(found, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert (MAPPING_VERSION, digest) == PINNED, (
        "The corpus is translated into something else. If that is meant: raise MAPPING_VERSION in "
        "mappings/registry.py (once per release is enough), and put it and this digest into PINNED."
    )


@pytest.mark.parametrize("same", [True, False])
def test_the_corpus_knows_every_verdict_and_most_reasons(same):
    """A corpus that leaves out half of the mappings would pin nothing."""
    outcomes = [outcome for translation in translations(same) for outcome in translation.outcomes]
    verdicts = {outcome.verdict.value for outcome in outcomes}
    everywhere = {"exact", "renamed", "converted", "lossy", "dropped", "manual", "not_needed"}
    assert verdicts == everywhere | ({"carried"} if same else set())
    assert len({reason.id for outcome in outcomes for reason in outcome.reasons}) >= 50
