# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app calls its queue stands in messages to people, and is no more than text there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

TEMPLATES = Path(__file__).resolve().parents[2] / "roles/host_alerts/templates"
REPLACED = re.compile(r'reReplaceAll "([^"]*)" "([^"]*)"')


def definitions(name: str) -> str:
    """Return the templates of Alertmanager whose names begin with NAME."""
    whole = (
        Environment(loader=FileSystemLoader(TEMPLATES), trim_blocks=True)
        .get_template("alertmanager.tmpl.j2")
        .render(page="")
    )
    return "".join(part for part in re.split(r"(?={{ define )", whole) if part.startswith(f'{{{{ define "{name}.t'))


@pytest.mark.parametrize("evil", ["<!channel>", "<https://evil.example|click>", "@channel", "@here @all", "a&lt;b"])
def test_no_text_of_an_app_calls_a_channel_together(evil: str) -> None:
    shown = re.findall(r"{{ \.Annotations\.what([^}]*)}}", definitions("slipway.slack"))
    assert len(shown) == 4
    for pipe in shown:
        text = evil
        for pattern, by in REPLACED.findall(pipe):
            text = re.sub(pattern, by, text)
        assert not re.search(r"[<>@]|&(?!amp;|lt;|gt;)", text), text
    assert "&amp;lt;" in text or evil != "a&lt;b"


def test_mail_has_texts_as_they_are() -> None:
    assert "reReplaceAll" not in definitions("slipway")
