# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The nginx in front of an app as a container has it: the role nginx_tls's own files, packed into two.

A container mounts files one by one, and a swarm keeps each as an object: so what nginx includes is put into nginx.conf, and
the error pages into the script that starts it, which writes them into memory.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import File
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd

RUN = "/run/slipway"
"""The folder in memory with the error pages; a file in its `maintenance` with the app's name closes the site."""
PID = f"{RUN}/nginx.pid"
CERTIFICATES, ACCESS = "/run/secrets/tls", "/run/secrets/access"
HOME = "/etc/slipway"
"""Where the two files are."""
MAIN, START = "nginx/nginx.conf", "nginx/start.sh"
RESOLVER = f"{RUN}/resolver.conf"
INCLUDE = re.compile(r"^(?P<indent> *)include (?P<path>[^;]+);\n", re.MULTILINE)
FOREIGN = ("/etc/nginx/modules-enabled/", "/etc/nginx/conf.d/", "/etc/nginx/sites-enabled/")
"""What an image of nginx may bring and must not speak up: a default site, for example."""
END = "SLIPWAY_END_OF_FILE"


def site(app: Mapping[str, Any], upstream: str, more_domains: Sequence[str] = ()) -> dict[str, Any]:
    """Return the entry of the role nginx_tls for APP whose web process is at UPSTREAM, a name that DNS may move.

    The image serves the static files; nginx keeps them for a moment (`kept` in the role's templates).
    """
    found = systemd.site(app)
    found["domains"] = [*found["domains"], *(name for name in more_domains if name not in found["domains"])]
    kept = [
        {"url": url, **{key: entry[key] for key in ("expires_seconds", "immutable") if key in entry}}
        for url, entry in app["static"].items()
    ]
    found |= {"upstream": upstream, "upstream_resolved": True, "static": [], "kept": kept, "protected_downloads": {}}
    found.pop("upstream_keepalive", None)
    if found["certificate"] == "acme":  # whoever brings the files has a certificate that browsers trust, or none yet
        found |= {"certificate": "self_signed", "hsts_preload": False}
    return found


def files(rendered: Sequence[Mapping[str, str]], name: str) -> tuple[list[File], dict[str, str]]:
    """Return the two files made of those RENDERED (`dest`, `content`), and the secret ones by path in the container.

    NAME is the app's.
    """
    texts = {one["dest"]: one["content"] for one in rendered}
    secret = {path: text for path, text in texts.items() if path.startswith(f"{ACCESS}/")}
    pages = {path: text for path, text in texts.items() if path.startswith(f"{RUN}/pages/")}
    main = _with_includes(texts["/etc/nginx/nginx.conf"], texts)
    main = main.replace("pid /run/nginx.pid;", f"pid {PID};")  # the rest of /run can't be written
    return [File(MAIN, main), File(START, start(pages, name))], secret


def _with_includes(text: str, texts: Mapping[str, str]) -> str:
    """Return TEXT with the files in TEXTS that it includes in their place."""

    def put(match: re.Match[str]) -> str:
        path, indent = match["path"], match["indent"]
        if path.startswith(FOREIGN):
            return ""
        found = [texts[name] for name in sorted(texts) if fnmatch.fnmatch(name, path)]
        if not found:
            return match[0]
        whole = "".join(_with_includes(one, texts) for one in found)
        return "".join(f"{indent}{line}" if line.strip() else line for line in whole.splitlines(keepends=True))

    return INCLUDE.sub(put, text)


def start(pages: Mapping[str, str], name: str) -> str:
    """Return the script that starts nginx: with its PAGES in memory, its logs where an engine collects them."""
    lines = [
        "#!/bin/sh",
        "# Starts nginx in its container; written by Slipway, as nginx.conf beside it.",
        "set -eu",
        f"mkdir -p {RUN}/pages {RUN}/maintenance /var/log/nginx /var/cache/nginx /var/lib/nginx",
        "# nginx asks the engine's DNS again and again: containers come and go.",
        "servers=$(sed -n 's/^nameserver[[:space:]]*//p' /etc/resolv.conf | sed 's/.*:.*/[&]/' | tr '\\n' ' ')",
        f'echo "resolver ${{servers:-127.0.0.11}} valid=1s ipv6=off;" > {RESOLVER}',
        f"for log in access {name}.access; do ln -sf /dev/stdout /var/log/nginx/$log.log; done",
        f"for log in error {name}.error; do ln -sf /dev/stderr /var/log/nginx/$log.log; done",
    ]
    for path, text in sorted(pages.items()):
        lines += [f"cat > {path} <<'{END}'", text.rstrip("\n"), END]
    lines.append(f"exec nginx -c {HOME}/nginx.conf -g 'daemon off;'")
    return "\n".join(lines) + "\n"
