"""`--target-map`: two columns count; the rest of a table, and how SIDs are spelt, is its owner's business."""

from __future__ import annotations

import pytest

from migrate.plan.target_map import read_target_map

ONE, TWO = "IS" + "a" * 32, "IS" + "b" * 32
ROLE, OTHER_ROLE = "RL" + "c" * 32, "RL" + "d" * 32

READ = {
    "two columns": f"source_sid,target_sid\n{ONE},{TWO}\n",
    "the other way round": f"target_sid,source_sid\n{TWO},{ONE}\n",
    "more columns": f"note,target_sid,owner,source_sid\nour shop,{TWO},me,{ONE}\n",
    "more cells than columns": f"source_sid,target_sid\n{ONE},{TWO},checked\n",
    "lines of roles": f"kind,source_sid,target_sid\nservice,{ONE},{TWO}\nrole,{ROLE},{OTHER_ROLE}\n",
    "upper case": f"source_sid,target_sid\n{ONE.upper()},{TWO.upper()}\n",
    "lower case": f"source_sid,target_sid\n{ONE.lower()},{TWO.lower()}\n",
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_two_columns_are_read_by_their_names(tmp_path, content):
    """Order, further columns, lines of roles and the case of SIDs make no difference."""
    path = tmp_path / "map.csv"
    path.write_text(content, encoding="utf-8")
    lines = read_target_map(path)
    assert {source: line.target_sid for source, line in lines.items()} == {ONE: TWO}
