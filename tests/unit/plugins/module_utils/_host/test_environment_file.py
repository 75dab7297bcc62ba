# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is in an environment file, and what an app prints without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file

SECRETS = {
    "plain": "s3cr3t-value",
    "with an equals sign": "abc=def=ghi=",
    "with quotes": 'it\'s a "secret" one',
    "with a dollar and a backslash": r"pa$$w0rd\n`x`",
    "that begins like a path": "/Xk29vQ+pLm8/7d0==",
    "of two lines": "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----",
    "with blanks around": "  blank-around  ",
}


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS)
def test_what_an_app_prints_is_shown_without_its_secrets(tmp_path: Path, value: str) -> None:
    file = tmp_path / "environment"
    file.write_text(environment_file.text_of({}, {"API_TOKEN": value, "OTHER": "x" * 9}))
    shown = environment_file.masked(f"Error: bad token {value}, said {value!s}.", file)
    assert value not in shown
    assert shown == "Error: bad token ********, said ********."


def test_a_secret_that_holds_another_one_is_hidden_whole(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text('A="password"\nB="password-and-more"\n')
    assert environment_file.masked("password-and-more password", file) == "******** ********"


def test_short_values_and_folders_stay_readable(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text(f'PORT="8000"\nDATA="{tmp_path}/new.db"\nHOME="{tmp_path}"\n')
    text = f"8000: unable to open {tmp_path}/new.db in {tmp_path}"
    assert environment_file.masked(text, file) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://shop:hunter2@db/x", "postgresql://shop:********@db/x"),
        ("redis://:hunter2@cache:6379/0", "redis://:********@cache:6379/0"),
        ("two://a:b@c and two://d:e@f", "two://a:********@c and two://d:********@f"),
        ("http://example.com:8000/a", "http://example.com:8000/a"),
    ],
)
def test_passwords_in_urls_are_hidden_wherever_they_come_from(tmp_path: Path, text: str, shown: str) -> None:
    (tmp_path / "environment").write_text("")
    assert environment_file.masked(text, tmp_path / "environment") == shown
    assert environment_file.masked(text, tmp_path / "gone") == shown
