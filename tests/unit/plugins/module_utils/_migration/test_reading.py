# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is read in the source of a migration whose SQL can't be written: drops wherever they are, and what nobody can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._migration import expressions, reading
from ansible_collections.slipway.flask.plugins.module_utils._migration.lint import in_source
from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Pending

HEAD = "import sqlalchemy as sa\nfrom alembic import op\n"
FILES = {
    "steps.py": "def tidy(bind):\n    bind.execute('DROP TABLE old')\n",
    "app/__init__.py": "",
    "app/models.py": "class Base:\n    metadata = None\n",
    "migrations/more.py": "def later(op):\n    op.drop_column('a', 'b')\n",
    "migrations/versions/old.sql": "SELECT 1;\nDROP TABLE y;\n",
}
DOWN = "def downgrade():\n    op.drop_table('a')\ndef upgrade():\n    pass\n"


def read(folder: Path, source: str, start: str = "upgrade") -> Pending:
    """Return what is read in a revision with SOURCE, beside FILES."""
    for name, text in {**FILES, "migrations/versions/0005.py": HEAD + source}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    names: dict[str, Any] = {}
    exec(expressions.SCRIPT + reading.SCRIPT, names)
    roots = [str(folder / "migrations/versions"), str(folder / "migrations"), str(folder)]
    found = names["Reading"](str(folder / "migrations/versions/0005.py"), roots, start)
    return Pending("0005", reached=tuple(map(tuple, found.reached)), unread=tuple(map(tuple, found.unknown)))


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        ("def upgrade():\n    go()\ndef go():\n    op.drop_column('a', 'b')\n", ["ban-drop-column"]),
        ("def wipe():\n    op.drop_table('a')\nupgrade = wipe\n", ["ban-drop-table"]),
        ("from steps import tidy\ndef upgrade():\n    tidy(op.get_bind())\n", ["ban-drop-table"]),
        ("import steps as s\ndef upgrade():\n    s.tidy(op.get_bind())\n", ["ban-drop-table"]),
        ("from steps import *\nupgrade = lambda: tidy(op.get_bind())\n", ["ban-drop-table"]),
        ("from ..more import later\ndef upgrade():\n    later(op)\n", ["ban-drop-column"]),
        ("def upgrade():\n    from steps import tidy\n    tidy(op.get_bind())\n", ["ban-drop-table"]),
        ("class Run:\n    def go(self):\n        op.drop_table('a')\ndef upgrade():\n    Run().go()\n", ["ban-drop-table"]),
        ("from app.models import Base\ndef upgrade():\n    Base.metadata.drop_all(op.get_bind())\n", ["ban-drop-table"]),
        ("def upgrade():\n    with op.batch_alter_table('a') as b:\n        b.drop_column('c')\n", ["ban-drop-column"]),
        ("def upgrade():\n    op.get_bind().execute(sa.text('DROP TABLE a'))\n", ["ban-drop-table"]),
        ("T = ['a']\ndef upgrade():\n    for t in T:\n        op.execute(f'TRUNCATE {t}')\n", ["truncate"]),
        ("SQL = 'DROP ' + 'TABLE a'\ndef upgrade():\n    op.execute(SQL)\n", ["ban-drop-table"]),
        ("def upgrade():\n    op.execute('ALTER TABLE a DROP b')\n", ["ban-drop-column"]),
        ("def upgrade():\n    getattr(op, 'drop_table')('a')\n", ["ban-drop-table"]),
        ("def upgrade():\n    op.get_bind().execute(t.delete())\n", ["delete-all"]),
        ("def upgrade():\n    op.execute(open('old.sql').read())\n", ["ban-drop-table"]),
        ("def upgrade():\n    sa.Enum(name='e').drop(op.get_bind())\n", ["ban-drop-type"]),
        ("def upgrade():\n    op.alter_column('a', 'b', new_column_name='c')\n", ["renaming-column"]),
        # What harms nobody.
        ("def upgrade():\n    op.get_bind().execute(t.delete().where(t.c.a == 1))\n", []),
        ("def upgrade():\n    session.query(A).filter(A.b == 1).delete()\n", []),
        ("def upgrade():\n    '''Drop the old table: DROP TABLE a'''\n    op.execute('ALTER TABLE a DROP CONSTRAINT b')\n", []),
        ("def upgrade():\n    if 'a' not in sa.inspect(op.get_bind()).get_table_names():\n        op.create_table('a')\n", []),
        ("import uuid\ndef upgrade():\n    for (i,) in op.get_bind().execute(sa.text('SELECT 1')):\n"
         "        op.execute(sa.text('UPDATE a SET b = :u').bindparams(u=uuid.uuid4()))\n", []),
        ("def upgrade():\n    op.add_column('a', sa.Column('b', sa.Integer))\ndef downgrade():\n    op.drop_table('a')\n", []),
        # What nobody can tell.
        ("def upgrade():\n    eval('op.drop_table')('a')\n", ["unreadable"]),
        ("def upgrade():\n    getattr(op, name)('a')\n", ["unreadable"]),
        ("def upgrade():\n    for row in op.get_bind().execute('SELECT sql FROM todo'):\n        op.execute(row.sql)\n",
         ["unreadable"]),
        ("import somewhere\ndef upgrade():\n    bind = op.get_bind()\n    somewhere.load(bind)\n", ["unreadable"]),
        ("def upgrade():\n    op.wipe_everything()\n", ["unreadable"]),
        ("def upgrade():\n    op.execute(open('gone.sql').read())\n", ["unreadable"]),
        ("import subprocess\ndef upgrade():\n    subprocess.run(['psql', '-f', 'x'])\n", ["unreadable"]),
        ("from alembic import context\ndef upgrade():\n    if not context.is_offline_mode():\n        pass\n", ["unreadable"]),
        ("x = 1\n", ["unreadable"]),
        ("def upgrade(:\n", ["unreadable"]),
    ],
)  # fmt: skip
def test_a_drop_is_found_wherever_it_is_and_what_can_not_be_told_is_said(
    tmp_path: Path, source: str, rules: list[str]
) -> None:
    assert [one.rule for one in in_source(read(tmp_path, source))] == rules


def test_a_downgrade_is_read_from_its_own_function(tmp_path: Path) -> None:
    assert in_source(read(tmp_path, DOWN)) == []
    (found,) = in_source(read(tmp_path, DOWN, "downgrade"))
    assert (found.rule, found.where, found.statement) == ("ban-drop-table", "0005.py:4", "drop_table(…)")
