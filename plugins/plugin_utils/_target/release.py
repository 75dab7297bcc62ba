# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app as the role app_release has it described: made of an app of `slipway_apps`, or written by hand.

A key of an app with the name of a field in module_utils/_release/request.py is passed to it automatically.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._release.request import What, description_spec
from ansible_collections.slipway.flask.plugins.plugin_utils._app import audit as app_audit
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest
from ansible_collections.slipway.flask.plugins.plugin_utils._service import object_storage, postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd

HERE = ("path", "everything", "hooks", "notifications", "promotion")
"""Keys that stay on the controller."""
COMMANDS = ({"command": "flask db upgrade"},)


def release(
    app: Mapping[str, Any],
    installer: Mapping[str, Any] | None = None,
    allow_migrations: Any = "",
    skip_hooks: Any = False,
    audit: Any = "",
    promotion: Sequence[Mapping[str, Any]] = (),
    once: Any = False,
) -> dict[str, Any]:
    """Return APP, which has all its keys, as the role app_release has it described.

    INSTALLER: `python`, `python_downloads`, `uv`, `ca_bundle`, `index_url`, `extra_index_urls` as python_venv has them;
    allow_migrations: further revisions that may do what they do, with commas; skip_hooks: leave the hooks out;
    audit: the mode of `audit` for this run, "" for the app's own.
    promotion: what slipway.flask.release_origin has read of each host whose release is to be deployed.
    once: whether the run says what its next one may not: another version, say.
    """
    spec = description_spec()
    told: dict[str, Any] = {}
    for name, option in spec.items():
        if is_group(option):
            told[name] = {key: app[f"{name}_{key}"] for key in option["options"] if f"{name}_{key}" in app}
        elif name in app:
            told[name] = app[name]
    source = dict(app["source"])
    told |= {
        "name": app["name"],
        "git_key": source.pop("key"),
        **source,
        "packages": {
            **{name: app[name] for name in ("extra_packages", "constraints", "overrides")},
            "needed": systemd.needed_packages(app),
            "database": postgres.wanted_scheme(app),
        },
        "migrations": {
            **told["migrations"],
            "mode": app["migrations"],
            "allow": [*app["migrations_allow"], *str(allow_migrations).split(",")],
            "variable": app["database_variable"],
            "owner_url": postgres.owner_url(app),
        },
        "audit": app_audit.for_this_run(app["audit"], audit),
        "database": {
            "connections": app["database_connections"],
            **(
                {
                    "pool_size": app["database_pool_size"],
                    "pool_clients": app["database_pool_clients"],
                    "direct_url": postgres.direct_url(app),
                }
                if postgres.is_pooled(app)
                else {}
            ),
        },
        "bucket_variable": object_storage.variable(app),
        "verify": {"domain": app["domains"][0]},
        "web": {"user": systemd.WEB_USER, "folders": systemd.web_folders(app)},
        "expected_environment": environment_file.text_of(app["environment"], systemd.secrets(app)),
        "expected_settings": {"processes.json": systemd.processes(app)},
        "hooks": {} if boolean(skip_hooks) else app["hooks"],
        "notifications": app["notifications"],
        "promotion": list(promotion),
        "once": boolean(once),
    }
    return {**told, **(installer or {}), "python": app["python"] or (installer or {}).get("python", "")}


def is_group(option: Mapping[str, Any]) -> bool:
    """Tell whether an option of an argument spec is a mapping whose keys are known."""
    return option["type"] == "dict" and bool(option.get("options"))


def problems(description: Any) -> list[str]:
    """Return what is wrong with a DESCRIPTION as a whole; what is in it, the host's half looks at."""
    if not isinstance(description, Mapping):
        return ["'description' must be a mapping such as {name: shop, git: …, wsgi: 'shop:create_app()'}"]
    known = {*description_spec(), *HERE, "name"} - {"app"}
    found = [
        f"unknown key '{key}' in 'description'{nearest(key, sorted(known))}" for key in description if key not in known
    ]
    return found + [f"'{key}' is missing in 'description'" for key in ("name", "wsgi") if not description.get(key)]


def complete(description: Mapping[str, Any], what: What = "deploy") -> dict[str, Any]:
    """Return what a deploy or a rollback reads of a DESCRIPTION, with the defaults that depend on the app's name."""
    app = description["name"]
    usual = {
        "app": app,
        "user": app,
        "root": f"/srv/{app}",
        "settings_folder": f"/etc/{app}",
        "release_commands": list(COMMANDS),
    }
    whole = {**usual, **{name: value for name, value in description.items() if value is not None}}
    whole["packages"] = {"needed": [systemd.GUNICORN], **(whole.get("packages") or {})}
    read = {*description_spec(what), *(HERE if what == "deploy" else ("hooks", "notifications"))}
    return {name: value for name, value in whole.items() if name in read}
