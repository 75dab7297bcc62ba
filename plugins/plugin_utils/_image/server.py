# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""gunicorn.conf.py of an image: the very template of the role gunicorn_systemd, with what is otherwise in a container after it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.module_utils._image import places
from ansible_collections.slipway.flask.plugins.module_utils._logs import mask
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import service
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROLE = Path(__file__).resolve().parents[3] / "roles/gunicorn_systemd"
TEMPLATE = "gunicorn.conf.py.j2"

CONTAINER = '''

# ---- In a container, what follows stands in for what systemd does on a host ----------------------------------------------

def _limit(name, otherwise):
    """Return a limit of the container's control group (cgroups v2), OTHERWISE where it has none."""
    try:
        with open(f"/sys/fs/cgroup/{name}") as file:
            words = file.read().split()
        return int(words[0]) / int(words[1] if len(words) > 1 else 1)
    except (OSError, ValueError, IndexError):
        return otherwise


bind = "0.0.0.0:" + (os.environ.get("PORT") or "PORT_NUMBER")
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
workers = int(os.environ.get("WEB_CONCURRENCY") or 0) or _workers(
    WORKERS,
    max(1, round(min(_limit("cpu.max", 1e9), len(os.sched_getaffinity(0))))),
    int(min(_memory_mb(), _limit("memory.max", 1e18) / 2**20)),
    WORKER_MB,
)
_InJournal = _JournalFormatter


class _JournalFormatter(_InJournal):
    """No journal reads this: lines begin with the level's name, not with systemd's number for it."""

    def format(self, record):
        text = re.sub(r"^<\\d>", "", super().format(record), flags=re.MULTILINE)
        return f"{record.levelname.lower()}: {text}"
'''


def gunicorn(app: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    """Return the file for APP, which has all its keys; VARIABLES are those of the role, by their full names, that are set."""
    common = yaml.safe_load((ROLE / "defaults/main.yml").read_text()) | dict(variables)
    own = {name: app[name] for name in ("name", "wsgi", "handover", *systemd.SERVER)}
    whole = service.complete(
        {
            **own,
            "current_link": "",
            "control_socket": False,
            "metrics": False,
            "tracing": bool(app["otel"]),
            "worker_tmp_dir": places.WRITABLE[1],
        },
        {name.removeprefix(service.ROLE): value for name, value in common.items()},
    )
    extra = str(whole["config_extra"] or "")
    whole["config_extra"] = ""
    shown = {**whole, "needs": service.needs(whole), "masked": mask.value(whole["log_mask"])}
    text = _engine().get_template(TEMPLATE).render(ansible_managed="Made by Slipway for an image.", service=shown)
    words = {
        "PORT_NUMBER": places.PORT,
        "WORKERS": 1 if whole["handover"] == "stop_first" and not int(whole["workers"]) else int(whole["workers"]),
        "WORKER_MB": int(whole["worker_memory_mb"]),
    }
    more = CONTAINER
    for name, value in words.items():
        more = more.replace(name, str(value))
    return text.rstrip() + "\n" + more + (f"\n\n# From gunicorn_systemd_config_extra\n{extra}\n" if extra else "")


def _engine() -> Environment:
    """Return Jinja as Ansible sets it up for templates, with the filters that this one needs."""
    engine = Environment(
        loader=FileSystemLoader(ROLE / "templates"), trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )  # fmt: skip
    engine.filters["to_json"] = json.dumps
    engine.filters["comment"] = lambda text: "".join(f"# {line}\n" for line in str(text).splitlines()).rstrip()
    return engine
