# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Applications as `slipway_apps` describes them: the sample app, and ones that somebody else wrote.

tests/slow/test_foreign_apps.py deploys the latter to a host.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

BLOG, MONEY = "blog.example.org", "money.example.org"
TASKS, DASHBOARD = "tasks.example.org", "queues.example.org"
NOTES, WIKI = "notes.example.org", "wiki.example.org"
MONEY_PACKAGE = "ihatemoney==7.2"
DASHBOARD_PACKAGE = "rq-dashboard==0.9.0"
WIKI_PACKAGE = "otterwiki==2.26.1"

BLOG_SETTINGS = 'SECRET_KEY = "b2c4e1f0a9d84f6c8e7a5b3d1c0f9e8d"\nSESSION_COOKIE_NAME = "{cookie}"\n'
MONEY_SETTINGS = """
import json
import os
SQLALCHEMY_DATABASE_URI = os.environ["DATABASE_URL"]
SECRET_KEY = "77c1a0e5d3b94f28b6f0e9d8c7a6b5f4"
ALLOW_PUBLIC_PROJECT_CREATION = True
ENABLE_CAPTCHA = False
"""


def sample() -> dict[str, Any]:
    """Return the sample app as the repository's own inventory has it."""
    file = Path(__file__).resolve().parents[3] / "group_vars/all/main.yml"
    (found,) = yaml.safe_load(file.read_text())["slipway_apps"]
    return {**found, "secrets": {"SECRET_KEY": "0c7a31be9d5f48e2a6b8d1f0937c5e42"}}


def apps(sources: Path, cookie: str = "session") -> dict[str, Any]:
    """Return the variables that bring all of them to a host; COOKIE is the name of flaskr's session cookie.

    SOURCES is the folder with the sources of those that are no packages.
    """
    blog = {
        "name": "flaskr",
        "domains": [BLOG],
        "source": {"path": str(sources / "flaskr")},
        "wsgi": "flaskr:create_app()",
        "database": "none",
        "secret_key_variable": "",
        "files": {"instance/config.py": BLOG_SETTINGS.format(cookie=cookie)},
        "shared_folders": ["instance"],
        "release_commands": [{"command": "flask --app flaskr init-db", "once": True}],
        "static": {"/static/": "flaskr/static"},
        "workers": 1,
    }
    money = {
        "name": "ihatemoney",
        "domains": [MONEY],
        "source": {"package": MONEY_PACKAGE},
        "wsgi": "ihatemoney.wsgi:application",
        "secret_key_variable": "",
        "files": {"ihatemoney.cfg": MONEY_SETTINGS},
        "environment": {"IHATEMONEY_SETTINGS_FILE_PATH": "{release_folder}/src/ihatemoney.cfg"},
        "release_commands": [],  # it brings its database up to date whenever it is imported
        "static": {"/static/": "ihatemoney/static"},
        "workers": 2,
    }
    tasks = {
        "name": "tasks",
        "domains": [TASKS],
        "source": {"path": str(sources / "task_app")},
        "wsgi": "task_app:create_app()",
        "database": "none",
        "secret_key_variable": "",
        "redis": "local",
        "redis_variable": "FLASK_CELERY__broker_url",
        "redis_variables": {"FLASK_CELERY__result_backend": "queue"},
        "processes": {"worker": {"command": "celery -A make_celery worker --concurrency 1", "ready_seconds": 3}},
        "workers": 1,
    }
    dashboard = {
        "name": "queues",
        "domains": [DASHBOARD],
        "source": {"package": DASHBOARD_PACKAGE},
        "wsgi": "rq_dashboard.app:create_app()",
        "extra_packages": ["six==1.17.0"],  # which the package uses and forgets to ask for
        "environment": {"RQ_DASHBOARD_URL_PREFIX": "/"},
        "database": "none",
        "secret_key_variable": "",
        "redis": "local",
        "processes": {"worker": {"command": "rq worker --url $REDIS_URL", "ready_seconds": 3}},
        "workers": 1,
    }
    notes = {
        "name": "notes",
        "domains": [NOTES],
        "source": {"path": str(sources / "notes")},
        "wsgi": "app:app",
        "database": "mariadb",
        "secrets": {"SECRET_KEY": "5b0e2f7d9c1a4638b7d0c3e8f1a29d64"},
        "workers": 1,
    }
    wiki = {
        "name": "wiki",
        "domains": [WIKI],
        "source": {"package": WIKI_PACKAGE},
        "wsgi": "otterwiki.server:app",
        "system_packages": ["git"],
        "database": "none",
        "shared_folders": ["data"],
        "setup_commands": ["git init --quiet $REPOSITORY"],
        "environment": {
            "REPOSITORY": "{release_folder}/src/data/pages",
            "SQLALCHEMY_DATABASE_URI": "sqlite:///{release_folder}/src/data/wiki.sqlite",
        },
        "secrets": {"SECRET_KEY": "0e9d8f7a6b5c4d3e2f1a0b9c8d7e6f5a"},
        "writes_at_import": True,
        "release_commands": [],
        "handover": "stop_first",
        "watch_seconds": 0,
        "workers": 1,
    }
    return {"slipway_apps": [blog, money, tasks, dashboard, notes, wiki]}


URLS = {
    "database": {"database_url": "postgresql://u:x@db.example.com/app"},
    "redis": {"redis_url": "rediss://:x@redis.example.com:6379/0"},
}
ADVISED = re.compile(r"set `(?P<key>\w+): (?P<value>\w+)`|remove the key")


def followed(app: dict[str, Any], refusals: list[str]) -> dict[str, Any]:
    """Return APP changed as the REFUSALS of a target tell, word for word: a key that is to be set, or one to be removed."""
    changed = dict(app)
    for text in refusals:
        advice, key = ADVISED.search(text), re.search(r": '(\w+)'", text)
        assert advice and key, f"nobody could follow this: {text}"
        if advice["key"]:
            changed |= {advice["key"]: advice["value"], **URLS[advice["key"]]}
        else:
            del changed[key[1]]
    return changed
