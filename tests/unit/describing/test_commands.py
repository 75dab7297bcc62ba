# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Command lines of Procfiles, containers and units: the words that count, and the WSGI entry among them."""

from __future__ import annotations

import pytest
from describe import commands, entry

ENTRIES = [
    ("gunicorn shop:app", ["shop:app"]),
    ("gunicorn --bind 0.0.0.0:8000 -w 4 'shop:create_app()'", ["shop:create_app()"]),
    ("PORT=80 exec gunicorn -b :80 shop.wsgi", ["shop.wsgi:application"]),
    ("flask db upgrade && gunicorn shop:app --log-file -", ["shop:app"]),
    ("sh -c 'flask db upgrade; exec gunicorn shop:app'", ["shop:app"]),
    ("gunicorn --chdir backend app:app", ["app:app", "backend.app:app"]),
    ("poetry run gunicorn shop:app", ["shop:app"]),
    ("waitress-serve --call shop:create_app", ["shop:create_app"]),
    ("/opt/venv/bin/uwsgi --http :80 --module shop:app", ["shop:app"]),
    ("uvicorn main:app --host 0.0.0.0 --port 8000", ["main:app"]),
    ("python -m gunicorn shop:app", ["shop:app"]),
    ("gunicorn 'unclosed shop:app", ["shop:app"]),
    ("node server.js localhost:3000", []),
    ("redis-server --port 6379", []),
    ("", []),
]


@pytest.mark.parametrize(("command", "found"), ENTRIES, ids=[row[0] or "nothing" for row in ENTRIES])
def test_the_entry_in_a_command(command: str, found: list[str]) -> None:
    assert entry.of_command(command) == found


PLACES = [
    (commands.procfile, "web: gunicorn a:b\n# no\nmail: celery -A a worker\n", ["web: gunicorn a:b", "mail: celery -A a worker"]),
    (commands.dockerfile, 'RUN pip install x\nCMD ["gunicorn", \\\n  "a:b"]\n', [": gunicorn a:b"]),
    (commands.dockerfile, "ENTRYPOINT exec gunicorn a:b\nCMD echo\n", [": exec gunicorn a:b"]),
    (commands.compose, "services:\n  db: {image: x}\n  queue: {command: [celery, -A, a, worker]}\n", ["queue: celery -A a worker"]),
    (commands.compose, "services: [a, b]\n", []),
    (commands.compose, "a: [", []),
    (commands.unit, "[Service]\nExecStart=/srv/venv/bin/gunicorn a:b\n", ["app: /srv/venv/bin/gunicorn a:b"]),
    (commands.supervisor, "[program:queue]\ncommand=rq worker\n[other]\nx=1\n", ["queue: rq worker"]),
    (commands.script, "set -e\nexec celery -A a \\\n  worker\n", [": celery -A a     worker"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reader", "text", "found"), PLACES, ids=[row[0].__name__ + f" {n}" for n, row in enumerate(PLACES)]
)
def test_the_commands_of_a_file(reader: object, text: str, found: list[str]) -> None:
    assert callable(reader)
    assert [f"{process}: {command}" for process, command, _ in reader(text, "deploy/app.service")] == found
