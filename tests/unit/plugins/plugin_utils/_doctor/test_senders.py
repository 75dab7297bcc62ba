# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which apps send mail, and through which server: never with whose password."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._doctor import senders


@pytest.mark.parametrize(
    ("environment", "secrets", "found"),
    [
        ({"GREETING": "hello", "EMAIL_FROM": "a@example.com"}, {}, []),
        ({"MAIL_SERVER": "smtp.example.com", "MAIL_PORT": 587}, {"MAIL_PASSWORD": "x"}, [("MAIL_SERVER", "smtp.example.com", 587)]),
        ({"SMTP_HOST": "smtp.example.com:465"}, {}, [("SMTP_HOST", "smtp.example.com", 465)]),
        ({"EMAIL_HOST": "localhost"}, {}, [("EMAIL_HOST", "localhost", 25)]),
        ({"SHOP_SMTP_SERVER": "a.example.com", "SHOP_SMTP_PORT": "x"}, {}, [("SHOP_SMTP_SERVER", "a.example.com", 25)]),
        ({}, {"MAIL_URL": "smtps://me:secret@smtp.example.com"}, [("MAIL_URL", "smtp.example.com", 465)]),
        ({}, {"SMTP_URL": "smtp://[broken"}, []),
        ({"MAIL_SERVER": ""}, {}, []),
    ],
)  # fmt: skip
def test_what_an_environment_says_of_mail(
    environment: dict[str, Any], secrets: dict[str, Any], found: list[tuple[str, str, int]]
) -> None:
    app = {"name": "shop", "environment": environment, "secrets": secrets}
    said = senders.senders([app])
    assert [(one["variable"], one["host"], one["port"]) for one in said] == found
    assert "secret" not in str(said)
