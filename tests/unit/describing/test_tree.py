# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Sources that are odd or mean harm: they are described as far as they can be read, and what was left out is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from describe import page, tree
from described import HELLO, app_of, entry_of


def named(folder: Path, files: dict[str, str]) -> str:
    """Return what is said to be unread; the app itself must have been found."""
    app = app_of(folder, {"app.py": HELLO, **files})
    assert entry_of(app)["wsgi"] == "app:app"
    return "\n".join(app.tree.unread)


ODD = [
    ("old.py", "print 'hello'\n", "old.py:1: Python 2"),
    ("broken.py", "def f(:\n", "broken.py:1: no Python that can be read"),
    ("binary.py", "\0\1\2", "binary.py: no text"),
    ("deep.py", "x = " + "(" * 5000 + ")" * 5000, "deep.py"),
    ("nested.py", "x = " + "-" * 50_000 + "1", "nested.py"),
]


@pytest.mark.parametrize(("name", "text", "said"), ODD, ids=[row[0] for row in ODD])
def test_a_file_that_can_not_be_read_is_named_and_the_rest_described(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    assert said in named(tmp_path, {name: text})


def test_a_huge_file_is_left_out(tmp_path: Path) -> None:
    assert "huge.py: too large" in named(tmp_path, {"huge.py": "x = 1\n" * (tree.BYTES // 6 + 1)})


def test_a_link_out_of_the_source_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text('SECRET_KEY = "hunter2 hunter2"\n')
    source = tmp_path / "shop"
    source.mkdir()
    (source / "config.py").symlink_to("../secret.py")
    (source / "up").symlink_to("..")
    (source / "loop").symlink_to("loop")
    assert "config.py: a link that leads out of the source" in named(source, {})
    assert "hunter2" not in page.entry(app_of(source, {"app.py": HELLO}))


def test_folders_inside_each_other_come_to_an_end(tmp_path: Path) -> None:
    assert "folders inside each other" in named(tmp_path, {"/".join(["a"] * 60) + "/x.py": "x = 1\n"})


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    named(tmp_path, {})


def test_names_and_values_of_the_source_can_not_break_the_page(tmp_path: Path) -> None:
    """A name with a line break or a colour, a value that YAML or Jinja would read."""
    odd = (
        HELLO
        + 'import os\nA = os.environ.get("COLOUR", "red\\n  - name: evil")\nB = os.environ.get("X_Y", "{{ lookup(1) }}")\n'
    )
    app = app_of(tmp_path, {"app.py": odd, "a\nb.py": "x = 1\n", "\x1b[31m.py": "x = 1\n"})
    text = page.entry(app) + page.remarks(app)
    assert set(entry_of(app)) >= {"name", "wsgi"}
    assert entry_of(app)["name"] == "shop"
    assert "\x1b" not in text
    assert all(not line.strip() or line.startswith((" ", "#", "slipway_apps:")) for line in text.splitlines())


TEMPLATES = {
    "Procfile": "web: gunicorn app:app\nworker: celery -A {{x}} worker\n{{x}}: celery worker\n",
    "config.py": 'import os\nA = os.environ.get("COLOUR", "{{x}}")\nB = os.environ.get("SIZE", "{% x %}")\n',
    "more.py": 'UPLOAD_FOLDER = "{{x}}"\nSQLALCHEMY_DATABASE_URI = "sqlite:///{{x}}/shop.db"\n',
    "pages.py": 'other = Flask(__name__, static_folder="{{x}}")\n@other.get("/{{x}}/healthz")\ndef f(): ...\n',
    "{{x}}/a.css": "",
    "docker-compose.yml": "services:\n  '{{x}}':\n    command: celery -A '{{x}}' beat\n",
}


def test_a_value_of_the_source_is_never_a_template(tmp_path: Path) -> None:
    """Ansible would run `lookup('pipe', …)` on the machine of whoever deploys, also when a suggestion is taken."""
    app = app_of(tmp_path, {"app.py": HELLO, **TEMPLATES})
    values = "".join(row for row, _ in page.rows(app))
    assert "{{x" not in values and "{%" not in values and "celery" in str(app.commands)


def test_a_reason_can_not_leave_its_comment(tmp_path: Path) -> None:
    compose = 'services:\n  "a\\nslipway_evil: 1\\x85\\u2028b: 2":\n    command: celery -A app worker\n'
    text = page.entry(app_of(tmp_path, {"app.py": HELLO, "docker-compose.yml": compose}))
    assert list(yaml.safe_load(text)) == ["slipway_apps"]


def test_aliases_inside_of_aliases_come_to_an_end(tmp_path: Path) -> None:
    rows = ["services:", " a0: &a0 [celery, worker]"]
    rows += [f" a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    named(tmp_path, {"docker-compose.yml": "\n".join([*rows, " bomb: {command: *a39}"])})
