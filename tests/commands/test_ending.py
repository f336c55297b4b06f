"""Which exit code counts where several hold."""

from __future__ import annotations

import pytest

from migrate.commands.ending import worst


@pytest.mark.parametrize(
    ("codes", "counts"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 3], 3),
        ([3, 4], 4),
        ([4, 6, 3], 6),
        ([6, 7], 7),
        ([7, 8, 6], 8),
        ([8, 5, 7], 5),
        ([4, 5, 130, 8], 130),
        ([0, 1], 1),
        ([1, 4], 4),
    ],
)
def test_the_gravest_counts(codes, counts):
    """Interrupted, then credentials, lock, Chat gone, safety, incomplete, differences; done only if all is done."""
    assert worst(codes) == counts
