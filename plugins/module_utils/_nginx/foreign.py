# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Sites that nginx serves and Slipway has not written, read from what `nginx -T` prints.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

OWN = "/etc/nginx/slipway/"
"""Whatever is below this folder was written by the role nginx_tls."""
MAIN = "/etc/nginx/nginx.conf"
DEBIAN_DEFAULT = "/etc/nginx/sites-enabled/default"
"""The distribution's own placeholder, which nginx_tls removes; a site may have been written into it."""
FOLDERS = ("/etc/nginx/sites-enabled/", "/etc/nginx/conf.d/")
"""Folders whose files Slipway's nginx.conf reads as well, so that what they serve goes on."""
TITLE = re.compile(r"# configuration file (/.+):")
# A quoted word, a comment up to the end of its line, or anything else up to what ends a word (ngx_conf_read_token()).
TOKEN = re.compile(
    r'"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'|(#[^\n]*)|([;{}])|([^\s;{}"\']+(?:\{[^\s;{}]*\}[^\s;{}]*)*)'
)


@dataclass
class File:
    """One file of nginx's configuration: the names of its sites, and the ports that it is the default server of."""

    path: str
    names: list[str] = field(default_factory=list)
    defaults: list[str] = field(default_factory=list)

    @property
    def stays(self) -> bool:
        """Whether Slipway's nginx.conf reads the file as well, so that what it serves goes on."""
        return self.path.startswith(FOLDERS) and self.path != DEBIAN_DEFAULT

    def serving(self, domains: Iterable[str]) -> list[str]:
        """Return those of DOMAINS that a site in this file answers, in the order of DOMAINS."""
        return [domain for domain in domains if any(matches(name, domain) for name in self.names)]


def matches(name: str, domain: str) -> bool:
    """Tell whether nginx's server_name NAME is DOMAIN or a wildcard that holds it; regular expressions are passed over."""
    name, domain = name.lower(), domain.lower()
    if name == domain:
        return True
    if name.startswith("*."):
        return domain.endswith(name[1:])
    if name.startswith("."):
        return domain == name[1:] or domain.endswith(name)
    return name.endswith(".*") and domain.startswith(name[:-1])


def read(printed: str) -> list[File]:
    """Return the files that `nginx -T` PRINTED, without Slipway's own and those that have no site."""
    found: list[File] = []
    texts = TITLE.split(printed)
    for path, text in zip(texts[1::2], texts[2::2], strict=True):
        file = File(path)
        for directive in directives(text):
            if directive[0] == "server_name":
                file.names += [name for name in directive[1:] if name not in ("_", "", "localhost", *file.names)]
            elif directive[0] == "listen" and {"default_server", "default"} & set(directive[2:]):
                port = directive[1].rpartition(":")[2] if not directive[1].endswith("]") else "80"
                file.defaults.append(port)
        if not path.startswith(OWN) and (file.names or file.defaults):
            found.append(file)
    return found


def directives(text: str) -> list[list[str]]:
    """Return the directives in a configuration's TEXT as lists of words."""
    found, words = [], list[str]()
    for double, single, comment, end, word in TOKEN.findall(text):
        if comment:
            continue
        if end:
            if words and end == ";":
                found.append(words)
            words = []
        else:
            words.append(word or double or single)
    return found
