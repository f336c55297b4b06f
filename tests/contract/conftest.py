"""What the contract tests need: Twilio's documents, or the reason why they are skipped."""

from __future__ import annotations

import checker
import pytest


@pytest.fixture(scope="session")
def contract():
    """The checker, where Twilio's OpenAPI documents are at hand; skips elsewhere and says so."""
    missing = checker.missing_documents()
    if missing:
        pytest.skip(f"the contract is not checked: {missing}")
    return checker
