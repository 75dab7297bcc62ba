# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with sites as the user writes them, one sentence each.

PRIVATE to the collection: it may change without notice.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import access, limits, settings
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.site import NO_APP, Site, complete
from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names

PATH = re.compile(r"(/[A-Za-z0-9._@+-]+)+/?")
SOCKET_LENGTH = 107  # bytes: sun_path of sockaddr_un is 108, and ends with a null byte (unix(7))
ADDRESS = re.compile(r"(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
URL_FOLDER = re.compile(r"/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/)+")
URL_FILE = re.compile(r"/(\.well-known/)?([A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*[A-Za-z0-9_~-]+(\.[A-Za-z0-9_~-]+)+")
HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
HEADER_VALUE = re.compile(r"[^$\x00-\x1f\x7f]*")
KEEPALIVE_MAX = 1024
RANGES = {
    "body_size_mb": (1, 102_400, "megabytes"),
    "header_kb": (4, 64, "kilobytes"),
    "timeout_seconds": (1, 86_400, "seconds"),
    "hsts_seconds": (0, 10 * 31_536_000, "seconds"),
}


def problems(sites: list[Site], defaults: Site, pem: dict[str, str], now: datetime) -> list[str]:
    """Return one sentence per mistake in SITES: what is wrong, and what it must be. PEM: contents by file name."""
    found: list[str] = []
    seen: set[str] = set()
    owners: dict[str, str] = {}
    for index, site in enumerate(sites):
        name = str(site.get("name", ""))
        where = f"nginx_tls_sites, site '{name}'" if name else f"nginx_tls_sites[{index}]"
        if not names.APP.fullmatch(name):
            found.append(f"{where}: name must be 1 to 31 of a-z, 0-9 and '-', beginning with a letter")
        if name in seen:
            found.append(f"{where}: the name is given twice; every site needs its own")
        seen.add(name)
        if missing := [key for key in ("domains", "upstream") if not site.get(key)]:
            found.append(f"{where}: {' and '.join(missing)} must be given")
            continue
        if wrong := list(access.problems(site.get("access", []), site.get("client_ca_file", ""))):
            found += [f"{where}: {text}" for text in wrong]
            continue
        full = complete(site, defaults)
        found += [f"{where}: {text}" for text in limits.problems(full)]
        found += [
            f"{where}: edges has '{edge}': {text}" for edge in full["edges"] if (text := settings.network_problem(edge))
        ]
        checks = (*_domains(full, owners), *_numbers(full), *_upstream(full), *_static(full), *_headers(full))
        found += [f"{where}: {text}" for text in checks]
        found += [f"{where}: {text}" for text in _certificate(full, pem, now)]
    return found


def _domains(site: Site, owners: dict[str, str]) -> Iterator[str]:
    for domain in site["domains"] + site["redirect_domains"]:
        if not domain.isascii():
            try:
                ascii_form = f": write {domain.encode('idna').decode()}"
            except UnicodeError:
                ascii_form = ""
            yield f"domain '{domain}' must be in its ASCII form (xn--…){ascii_form}"
        elif len(domain) > names.DOMAIN_LENGTH or not names.DOMAIN.fullmatch(domain):
            yield f"domain '{domain}' must be a host name such as example.org or *.example.org, without scheme and port"
        elif domain.rpartition(".")[2].isdigit():
            yield f"domain '{domain}' is an address: TLS needs a host name (clients send no address as SNI, RFC 6066)"
        if domain in owners:
            yield f"domain '{domain}' is already one of site '{owners[domain]}': nginx could serve only one of them"
        owners[domain] = site["name"]
    if site["redirect_domains"] and site["domains"][0].startswith("*."):
        yield f"redirect_domains lead to the first of domains, which can't be the wildcard '{site['domains'][0]}'"


def _numbers(site: Site) -> Iterator[str]:
    for key, (low, high, unit) in RANGES.items():
        value = site[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            yield f"{key} is {value!r}; it must be a whole number of {unit}, {low} to {high} (default: nginx_tls_{key})"
            return
    least = settings.PRELOAD_SECONDS
    if site["hsts_preload"] and site["hsts_seconds"] < least:
        why = ", as with a self-signed certificate" if site["certificate"] == "self_signed" else ""
        yield f"hsts_preload needs hsts_seconds of {least} (a year) or more; it is {site['hsts_seconds']}{why}"


def _upstream(site: Site) -> Iterator[str]:
    if not site["has_app"]:
        asking = [key for key in ("streaming", "rate_limits", "protected_downloads") if site[key]]
        asking += ["fallback 'app' of static"] if any(entry["fallback"] == "app" for entry in site["static"]) else []
        yield from (f"{key} needs an application, and upstream is '{NO_APP}'" for key in asking)
    if site["socket"]:
        path = site["socket"].removeprefix("unix:")
        if not PATH.fullmatch(path) or path.endswith("/") or ".." in path.split("/"):
            yield f"upstream '{site['socket']}' must be unix: and an absolute path without spaces or '..'"
        elif len(path) > SOCKET_LENGTH:
            yield f"upstream's path has {len(path)} characters; the kernel's limit for sockets is {SOCKET_LENGTH}"
    for address in site["addresses"]:
        match = ADDRESS.fullmatch(str(address))
        if not match or not 0 < int(match[2]) < 65_536 or (match[1].startswith("[") and not _is_ipv6(match[1])):
            yield f"upstream '{address}' must be unix:/path, or addresses such as 127.0.0.1:8000 or [::1]:8000"

    if site["upstream_retry"] and not site["socket"]:
        yield "upstream_retry is for an upstream that is a socket, and this one is not; several addresses are tried in turn anyway"
    kept = site["upstream_keepalive"]
    if isinstance(kept, bool) or not isinstance(kept, int) or not 0 <= kept <= KEEPALIVE_MAX:
        yield f"upstream_keepalive is {kept!r}; it must be a whole number of connections, 0 to {KEEPALIVE_MAX}"


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.strip("[]")).version == 6
    except ValueError:
        return False


def _static(site: Site) -> Iterator[str]:
    seen: set[str] = set()
    for entry in site["static"]:
        url, folder = entry["url"], entry["folder"]
        if url == "/":
            yield "static url '/' would hide the application: serve files under a folder such as /static/"
        elif entry["is_folder"] and not URL_FOLDER.fullmatch(url):
            yield f"static url '{url}' must look like /static/: no spaces, no part that begins with a dot"
        elif not entry["is_folder"] and not URL_FILE.fullmatch(url):
            yield f"static url '{url}' must end with '/' (a folder), or name one file such as /favicon.ico"
        if not PATH.fullmatch(folder) or {"..", "."} & set(folder.split("/")):
            yield f"static folder '{folder}' of {url} must be an absolute path without spaces, '.' or '..' parts"
        for key in ("previous_folder", "vetted_folder"):
            if entry[key] and (not PATH.fullmatch(entry[key]) or {"..", "."} & set(entry[key].split("/"))):
                yield f"{key} '{entry[key]}' of {url} must be an absolute path without spaces, '.' or '..' parts"
        if not f"{folder.rstrip('/')}/".startswith(f"{entry['within']}/"):
            yield f"within '{entry['within']}' of static {url} must be a folder above '{folder}', or that folder"
        if url in seen:
            yield f"static url '{url}' is given twice"
        seen.add(url)
        seconds = entry["expires_seconds"]
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            yield f"expires_seconds of static {url} is {seconds!r}; it must be a whole number of seconds, 0 or more"
        for key, choices in (("immutable", ("auto", "always", "never")), ("fallback", ("404", "app"))):
            if str(entry[key]) not in choices:
                yield f"{key} of static {url} is {entry[key]!r}; it must be one of {', '.join(choices)}"


def _headers(site: Site) -> Iterator[str]:
    yield from header_problems({header["name"]: header["value"] for header in site["headers"]})


def header_problems(headers: Mapping[Any, Any]) -> Iterator[str]:
    """Yield one sentence per mistake in HEADERS, values by name."""
    for name, value in headers.items():
        if not HEADER.fullmatch(str(name)):
            yield f"header '{name}' must be a header's name: letters, digits and '-'"
        if not isinstance(value, (str, int)) or not HEADER_VALUE.fullmatch(str(value)):
            yield f"the value of header '{name}' must be one line without '$'"


def _certificate(site: Site, pem: dict[str, str], now: datetime) -> Iterator[str]:
    # Only the controller has the library that this needs; the rest of this file runs anywhere.
    from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.pem import pem_problems

    if site["client_ca_file"] and "BEGIN CERTIFICATE" not in pem.get(site["client_ca_file"], ""):
        yield f"client_ca_file '{site['client_ca_file']}' must be the absolute path of a PEM certificate on the controller"
    keys = ("certificate_file", "key_file")
    source, files = site["certificate"], [site[key] for key in keys]
    if source not in ("self_signed", "provided", "acme"):
        yield f"certificate is '{source}'; it must be self_signed, provided or acme"
    elif source != "provided" and any(files):
        yield "certificate_file and key_file are used only with 'certificate: provided'"
    elif source == "provided" and not all(files):
        yield "certificate 'provided' needs certificate_file and key_file, two PEM files on the controller"
    elif missing := [f"{key} '{site[key]}'" for key in keys if source == "provided" and site[key] not in pem]:
        yield f"{' and '.join(missing)} must be the absolute path of a file on the controller"
    elif source == "provided":
        certificate, private_key = (pem[path] for path in files)
        yield from pem_problems(certificate, private_key, site["domains"] + site["redirect_domains"], now)
