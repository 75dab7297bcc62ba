# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Sites as the user writes them, as the templates read them. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import access

Site = dict[str, Any]

ALT_SVC_SECONDS = 86_400
"""How long a browser tries HTTP/3 first, after having been told of it: a day, as nginx's own documentation has it."""

SITE_DEFAULTS: Site = {
    "redirect_domains": [],
    "waiting": False,
    "static": [],
    "streaming": [],
    "protected_downloads": {},
    "connections_per_address": 0,
    "rate_limits": {},
    "certificate": "self_signed",
    "certificate_file": "",
    "key_file": "",
    "access": [],
    "client_ca_file": "",
    "probe_path": "",
    "hidden_paths": [],
    "staging": False,
    "edges": [],
    "extra_config": "",
    "upstream_keepalive": None,
    "upstream_resolved": False,
    "upstream_retry": False,
    "kept": [],
}
ROBOTS = "/robots.txt"
"""What a staging site answers by itself (RFC 9309)."""
NO_APP = "none"
"""The upstream of a site of static files and what its extra_config has."""
ADDRESSES_KEEPALIVE = 16
"""Idle connections to an app that listens on an address; behind a socket, it has to be asked for."""
STATIC_DEFAULTS: Site = {
    "expires_seconds": 3600,
    "immutable": "auto",
    "fallback": "404",
    "previous_folder": "",
    "within": "",
    "vetted_folder": "",
}


def complete(site: Site, defaults: Site) -> Site:
    """Return SITE as the templates read it: defaults filled in, headers merged, names made.

    DEFAULTS has body_size_mb, timeout_seconds, headers, hsts_seconds and hsts_preload for sites that don't say, and
    http3 for all.
    """
    full = merged(site, defaults)
    full["domains"] = [domain.lower() for domain in full["domains"]]
    full["redirect_domains"] = [domain.lower() for domain in full["redirect_domains"]]
    if (full["certificate"] == "self_signed" or full["staging"]) and "hsts_seconds" not in site:
        # A browser that has noted HSTS offers no way past an untrusted certificate: the site would be shut to it.
        full["hsts_seconds"] = 0
    full["has_app"] = full["upstream"] != NO_APP
    upstream = full["upstream"] if full["has_app"] else []
    is_socket = isinstance(upstream, str) and upstream.startswith("unix:")
    full["socket"] = upstream if is_socket else ""
    # A release's folder is told by the link that leads to its socket: /srv/shop/current of /srv/shop/current/run/x.sock.
    before, link, _ = full["socket"].removeprefix("unix:").partition("/current/")
    full["release_link"] = before + link.rstrip("/") if link else ""
    full["addresses"] = [] if is_socket else [upstream] if isinstance(upstream, str) else list(upstream)
    if full["upstream_resolved"]:  # nginx keeps no connection to what it looks up each time
        full["upstream_keepalive"] = 0
    if full["upstream_keepalive"] is None:
        full["upstream_keepalive"] = 0 if is_socket else ADDRESSES_KEEPALIVE
    full["static"] = [
        {**STATIC_DEFAULTS, **entry} for entry in full["static"] if not (full["staging"] and entry["url"] == ROBOTS)
    ]
    full["kept"] = [{**STATIC_DEFAULTS, **entry} for entry in full["kept"]]
    for entry in full["static"]:
        entry["is_folder"] = entry["url"].endswith("/")
        for key in ("folder", "previous_folder", "vetted_folder"):
            if entry[key]:
                entry[key] = entry[key].rstrip("/") + ("/" if entry["is_folder"] else "")
        entry["within"] = entry["within"].rstrip("/") or entry["folder"].rstrip("/")
        rest = entry["folder"].rstrip("/").removeprefix(entry["within"])
        entry["previous_within"] = entry["previous_folder"].rstrip("/").removesuffix(rest)
        entry["has_previous"] = bool(
            entry["previous_folder"] and entry["is_folder"] and entry["fallback"] == "404"
        ) and (entry["immutable"] != "never")
        if not entry["is_folder"] or entry["fallback"] != "404":
            entry["vetted_folder"] = ""
    # nginx's variables are global, so that each site has its own; a site's name has no underscore.
    full["prefix"] = "nginx_tls_" + full["name"].replace("-", "_")
    full["access"] = access.complete(full["access"])
    full["has_users"] = any(rule["basic_auth"] for rule in full["access"])
    full["probe_pattern"] = access.probe_pattern(full["probe_path"])
    full["headers"] = headers_of(full, defaults["headers"], site.get("headers", {}))
    return full


def merged(site: Site, defaults: Site) -> Site:
    """Return SITE with all its keys, its limits over those of DEFAULTS."""
    full = {**SITE_DEFAULTS, **defaults, **site}
    common, own = defaults.get("rate_limits", {}), site.get("rate_limits", {})
    if isinstance(common, dict) and isinstance(own, dict):
        full["rate_limits"] = {**common, **own}
    return full


def as_file(text: str) -> str:
    """Return TEXT with exactly one newline at its end, however it was read."""
    return text.rstrip() + "\n"


def headers_of(full: Site, common: dict[str, str], own: dict[str, str]) -> list[dict[str, str]]:
    """Return name, value and the nginx variables of each security header; '' as a value drops the header."""
    preload = "; includeSubDomains; preload" if full["hsts_preload"] else ""
    wanted = {
        "Strict-Transport-Security": f"max-age={full['hsts_seconds']}{preload}" if full["hsts_seconds"] else "",
        "X-Robots-Tag": "noindex, nofollow" if full["staging"] else "",
        "Alt-Svc": f'h3=":443"; ma={ALT_SVC_SECONDS}' if full["http3"] else "",
    }
    pairs = [*wanted.items(), *common.items(), *own.items()]
    by_key = {name.lower(): (name, str(value)) for name, value in pairs}
    return [
        {
            "name": name,
            "value": value.replace("\\", r"\\").replace('"', r"\""),
            "variable": f"{full['prefix']}_{slug}",
            "upstream": f"upstream_http_{slug}",
        }
        for slug, (name, value) in sorted((key.replace("-", "_"), pair) for key, pair in by_key.items())
        if value
    ]
