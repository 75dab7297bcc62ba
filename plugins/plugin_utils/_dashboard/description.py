# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with `slipway_dashboard`, and the site that nginx serves for it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import mapping
from ansible_collections.slipway.flask.plugins.plugin_utils._app.description import type_name
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import password, places
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard.keys import KEYS
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics import servers
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import access
from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names

NAME = "slipway_dashboard"
SITE = "slipway-dashboard"
"""Name of its site; no app has it."""
PASSWORD = 12
"""Fewest characters: who finds the page may try, if not fast."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}

AT_ONCE = servers.QUERIES - 3
"""Questions of one address that the store answers at once: it has places left for its own rules. The page asks four at once."""
ZONE = "nginx_tls_slipway_dashboard_connections"
"""What nginx_tls calls the connections of this site."""
LOCATIONS = f"""\
location = / {{
    root {places.FOLDER};
    try_files /index.html =404;
    expires -1;
}}
# Of the store's API, the two that the page asks. It only reads; who asks must be this page.
location ~ ^/api/v1/query(_range)?$ {{
    if ($nginx_tls_foreign) {{
        return 403;
    }}
    limit_except GET POST {{
        deny all;
    }}
    client_max_body_size 64k;
    limit_conn {ZONE} {AT_ONCE};
    # A person's password is nginx's alone: not even without the file that follows does it go on.
    proxy_set_header Authorization "";
    # Made on the host, after nginx's own start the first time: it may not be there yet.
    include {places.NGINX_GLOB};
    proxy_set_header Host 127.0.0.1;
    proxy_set_header Cookie "";
    proxy_set_header Connection "";
    proxy_http_version 1.1;
    proxy_hide_header WWW-Authenticate; # or the browser would ask a person for the store's password
    proxy_connect_timeout 5s;
    proxy_read_timeout 30s;
    proxy_buffers 16 16k;
    expires -1;
    proxy_pass http://127.0.0.1:9090;
}}
"""
"""What nginx serves beside the page's files. The store's password is in a file that only nginx's master reads."""


def problems(found: Any, mode: str = "local", apps: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Return what is wrong with `slipway_dashboard`, one sentence each; no password is in them.

    MODE is `slipway_metrics`; APPS are those that the host's sites are made from.
    """
    if not isinstance(found, Mapping):
        return [f"{NAME} must be a mapping with 'domain' and 'users', not {type_name(type(found))}"]
    if wrong := list(mapping.wrong(found, KEYS, NAME)):
        return wrong
    return [f"{NAME}: {text}" for text in (*_place(found, mode, apps), *_users(found["users"]), *_certificate(found))]


def _place(found: Mapping[str, Any], mode: str, apps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if mode != "local":
        yield f"the page shows what the host keeps, and slipway_metrics is '{mode}'; set slipway_metrics: local"
    domain = found["domain"].lower()
    if not names.is_full_domain(domain) or domain.startswith("*.") or domain.rpartition(".")[2].isdigit():
        yield f"'domain' is '{found['domain']}'; it must be a host name such as stats.example.org, without scheme and port"
    for app in apps:
        if domain in {str(one).lower() for one in (*app.get("domains", ()), *app.get("redirect_domains", ()))}:
            yield f"'domain' is '{domain}', which is the app '{app['name']}'; give the page a host name of its own"
        if app.get("name") == SITE:
            yield f"an app is called '{SITE}', as the page's own site is; give the app another name"
    yield from access.problems([{"path": "/", "allow": found.get("allow", [])}], "")


def _users(users: Mapping[str, str]) -> Iterator[str]:
    if not users:
        yield "'users' is empty; give at least one name with a password"
    for name, value in users.items():
        if not access.USER.fullmatch(str(name)):
            yield f"the name '{name}' in 'users' must be 1 to 64 characters without ':' and spaces"
        if not isinstance(value, str):
            yield f"the password of '{name}' in 'users' must be text; put it in quotes"
        elif not value.startswith("$") and (len(value) < PASSWORD or not value.isprintable()):
            made = "python3 -c 'import secrets; print(secrets.token_urlsafe(16))'"
            yield f"the password of '{name}' in 'users' must be one line of {PASSWORD} characters or more: make one with `{made}`"
        elif value.startswith("$") and not access.HASH.fullmatch(value):
            yield (
                f"the password of '{name}' in 'users' begins with '$' and is no hash that nginx can check fast: make one with "
                "`openssl passwd -6`"
            )


def _certificate(found: Mapping[str, Any]) -> Iterator[str]:
    files = [found.get(key, "") for key in ("certificate_file", "certificate_key_file")]
    if found.get("certificate") == "provided" and not all(files):
        yield "'certificate' is 'provided', which needs 'certificate_file' and 'certificate_key_file'"
    if found.get("certificate", "self_signed") != "provided" and any(files):
        yield "'certificate_file' and 'certificate_key_file' are used only with 'certificate: provided'"


def site(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry for the role nginx_tls: the page's files, and of the store's API the two addresses that it asks."""
    domain = str(found["domain"]).lower()
    users = {
        str(name): str(value) if access.HASH.fullmatch(str(value)) else password.hashed(str(value), f"{domain} {name}")
        for name, value in found["users"].items()
    }
    made = {
        "name": SITE,
        "domains": [domain],
        "upstream": "none",
        "certificate": str(found.get("certificate", "self_signed")),
        "static": [{"url": "/page/", "folder": str(places.FOLDER), "expires_seconds": 0, "immutable": "never"}],
        "access": [{"path": "/", "basic_auth": users, "allow": [str(one) for one in found.get("allow", [])]}],
        "headers": HEADERS,
        "body_size_mb": 1,
        "connections_per_address": AT_ONCE,
        "extra_config": LOCATIONS,
    }
    if made["certificate"] == "provided":
        made |= {
            "certificate_file": str(found["certificate_file"]),
            "key_file": str(found["certificate_key_file"]),
        }
    return made
