# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""No value of a statement is shown to whoever reads a report."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres.masked import masked


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT * FROM a WHERE name = 'Ann' AND age > 41", "SELECT * FROM a WHERE name = ? AND age > ?"),
        ("UPDATE a SET t = 'it''s s3cret' WHERE id=$1", "UPDATE a SET t = ? WHERE id=$1"),
        (r"SELECT E'it\'s s3cret', x'ff', U&'s3cret'", "SELECT ?, ?, ?"),
        ("SELECT $$s3cret$$, $a$s3 'cret$a$, 1.5e-3, .5", "SELECT ?, ?, ?, ?"),
        ('SELECT "col 1", t1.c2 FROM t1', 'SELECT "col 1", t1.c2 FROM t1'),
        ("SELECT 'cut off s3cr", "SELECT ?"),
        ("SELECT $x$cut off s3cr", "SELECT ?"),
        ("SELECT 1 -- user 's3cret'\n  FROM /* s3cret */ a", "SELECT ? FROM a"),
        ("SELECT\n\t1", "SELECT ?"),
        ("", ""),
    ],
)
def test_values_are_left_out(sql: str, shown: str) -> None:
    assert masked(sql) == shown
