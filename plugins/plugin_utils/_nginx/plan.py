# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""From sites to what is brought to the host: certificates, keys, virtual hosts, error pages.

The sites have passed `site_problems.problems`. PRIVATE to the collection: it may change without notice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import access, limits
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.site import Site, as_file, complete

Entry = dict[str, Any]
"""An entry of the module that the list is for."""

UNKNOWN: Entry = {"name": "_unknown", "domains": ["invalid"]}
"""What nginx shows to who asks for no site of ours, where it can't just end the handshake."""

LOG: Entry = {"state": "present", "mode": "0640", "owner": "www-data", "group": "adm"}
"""As Debian's logrotate makes them anew: nginx itself would leave them to everybody until the first rotation."""


def certificates(sites: list[Site], pem: Mapping[str, str]) -> list[Entry]:
    """Return the certificates of slipway.flask.nginx_sites for SITES; PEM has contents by file name."""
    wanted = []
    for site in sites:
        domains = [domain.lower() for domain in [*site["domains"], *site.get("redirect_domains", [])]]
        entry: Entry = {"name": site["name"], "domains": domains}
        if site.get("certificate") == "provided":
            entry["certificate"] = as_file(pem[site["certificate_file"]])
        if site.get("certificate") == "acme":
            entry["acme"] = True
            if site.get("staging"):
                entry["staging"] = True
        wanted.append(entry)
    return wanted


def private_keys(sites: list[Site], pem: Mapping[str, str]) -> dict[str, str]:
    """Return the keys of the provided certificates of SITES by the site's name."""
    return {site["name"]: as_file(pem[site["key_file"]]) for site in sites if site.get("certificate") == "provided"}


def virtual_hosts(
    sites: list[Site], defaults: Site, folder: str, access_folder: str, pem: Mapping[str, str]
) -> list[Entry]:
    """Return the entries of slipway.flask.files for SITES in FOLDER, with what grants access in ACCESS_FOLDER."""
    entries: list[Entry] = []
    for full in (complete(site, defaults) for site in sites):
        site, name = {**full, **limits.complete(full)}, full["name"]
        for rule in site["access"]:
            if rule["basic_auth"]:
                # nginx's workers read it at each request: their group may, others may not.
                users = {"content": access.users_file(rule), "dest": f"{access_folder}/{name}-{rule['number']}.users"}
                entries.append({**users, "mode": "0640", "group": "www-data"})
        if site["client_ca_file"]:
            authority = as_file(pem[site["client_ca_file"]])
            entries.append({"content": authority, "dest": f"{access_folder}/{name}.ca"})
        entries += [{**LOG, "dest": f"/var/log/nginx/{name}.{log}.log"} for log in ("access", "error")]
        suffix = "waiting" if site["waiting"] else "conf"
        entries.append({"src": "site.conf.j2", "dest": f"{folder}/{name}.{suffix}", "vars": {"site": site}})
    return entries


REQUEST_ID = "<!--# echo var='nginx_tls_request_id' -->"
"""The request's id, which nginx writes into its pages (ngx_http_ssi_module)."""


def pages(texts: Mapping[str, Mapping[str, str]], folder: str, own: Mapping[Any, str]) -> Iterator[Entry]:
    """Yield the entries of slipway.flask.files for error pages in FOLDER, each in HTML and in JSON.

    TEXTS are title and text by HTTP status; OWN is HTML that goes before, also by status. The JSON has the members that
    RFC 9457 (Problem Details for HTTP APIs, section 3.1) defines.
    """
    html = {str(status): text for status, text in own.items()}
    for status, page in texts.items():
        entry: Entry = {"dest": f"{folder}/{status}.html"}
        if status in html:
            yield {**entry, "content": html[status].rstrip() + "\n"}
        else:
            yield {**entry, "src": "page.html.j2", "vars": {**page, "status": status}}
        answer = {"title": page["title"], "status": int(status), "detail": page["text"], "request_id": REQUEST_ID}
        yield {"dest": f"{folder}/{status}.json", "content": json.dumps(answer) + "\n"}
