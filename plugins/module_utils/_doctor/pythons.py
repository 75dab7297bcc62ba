# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which Pythons do the apps run, and do they still get security updates?

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from ansible_collections.slipway.flask.plugins.module_utils._doctor import support
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import Finding, Host, note, problem

CURRENT = "/srv/*/current/venv/pyvenv.cfg"
FIELD = re.compile(r"^(home|version|version_info)\s*=\s*(\S+)", re.MULTILINE)


def pythons(host: Host, today: date) -> Iterator[Finding]:
    """Check the environment of each live release. The distribution's own Python is kept safe by the distribution."""
    for path in host.glob(CURRENT):
        app, found = path.parts[-4], dict(FIELD.findall(path.read_text(errors="replace")))
        number = found.get("version_info") or found.get("version") or ""
        parts = number.split(".")
        if found.get("home", "").startswith("/usr/bin") or len(parts) < 2 or not parts[1].isdigit():
            continue
        end = support.PYTHON.get((int(parts[0]), int(parts[1])))
        name = ".".join(parts[:2])
        do = "Set `python` of the app, or `requires-python` of its code, to a newer version, and deploy"
        if end and end < today:
            yield problem(f"{app} runs with Python {name}, which has had no security updates since {end}", do)
        elif end and end - today < support.SOON:
            yield note(f"{app} runs with Python {name}, which gets security updates until {end} only", do)
