# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fixtures that every scenario's Testinfra tests share."""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import testinfra.host
import yaml
from testinfra.backend import base

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests/unit/support"))
from warm_ansible import ansible_playbook  # noqa: E402

__all__ = ["ansible_playbook"]


def addresses() -> dict[str, str]:
    """Return the scenario's hosts and their addresses, from the inventory that Molecule made."""
    found: dict[str, str] = {}

    def walk(group: Mapping[str, Any]) -> None:
        for name, variables in (group.get("hosts") or {}).items():
            found[name] = (variables or {}).get("ansible_host", "")
        for child in (group.get("children") or {}).values():
            walk(child or {})

    for group in yaml.safe_load(Path(os.environ["MOLECULE_INVENTORY_FILE"]).read_text()).values():
        walk(group)
    return found


class Inside(base.BaseBackend):
    """Runs commands in a test host as `podman exec` does, at a twentieth of its cost: there are hundreds of them."""

    NAME = "inside"
    NAMESPACES = "--mount --uts --ipc --net --pid --cgroup"
    ENVIRONMENT = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root container=podman"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        found = self.run_local("podman inspect --format '{{.State.Pid}}' %s", name)
        self.command_prefix = f"env -i {self.ENVIRONMENT} nsenter --target {int(found.stdout)} {self.NAMESPACES}"

    def run(self, command: str, *args: str, **_: Any) -> base.CommandResult:
        asked = self.get_command(command, *args)
        done = self.run_local(f"{self.command_prefix} sh -c %s", asked)
        done.command = self.encode(asked)
        return done


@pytest.fixture(scope="module", params=sorted(addresses()))
def host(request: pytest.FixtureRequest) -> testinfra.host.Host:
    """One test host after the other, looked at from inside, past SSH and Ansible."""
    return testinfra.host.Host(Inside(request.param))


@dataclass
class Page:
    """An answer as a browser gets it."""

    status: int
    headers: http.client.HTTPMessage
    text: str


class _Connection(http.client.HTTPConnection):
    """HTTP or HTTPS to an address under a site's name, whoever signed its certificate."""

    def __init__(self, address: str, domain: str, tls: bool) -> None:
        super().__init__(domain, timeout=30)
        self._address, self._tls_wanted = address, tls

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, 443 if self._tls_wanted else 80), 30)
        if self._tls_wanted:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reads no authorities, which would take 18 ms
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)


@dataclass
class Browser:
    """A visitor on another machine. It keeps cookies, sends no Referer but on forms, and follows no redirect."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)

    def request(
        self, method: str, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Page:
        """Send one request to the host, whatever DNS says of the URL's name."""
        parts = urllib.parse.urlsplit(url)
        connection = _Connection(self.address, str(parts.hostname), parts.scheme == "https")
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Referer": url}
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(method, path, body, {**sent, **(headers or {})})
        answer = connection.getresponse()
        page = Page(answer.status, answer.headers, answer.read().decode("utf-8", "replace"))
        connection.close()
        for cookie in page.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return page

    def get(self, url: str, **headers: str) -> Page:
        return self.request("GET", url, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def submit(self, url: str, page: str, form: Mapping[str, str]) -> Page:
        """POST a form of PAGE with the CSRF token that the page holds."""
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(page).text)
        assert token, f"{page} holds no form with a CSRF token"
        return self.request("POST", url, {"csrf_token": token[1], **form})


UNITS = """
grep -lsE '(Written|Managed) by Ansible' /etc/systemd/system/*.service
grep -lsE '^ExecStart=.' /etc/systemd/system/*.service.d/slipway*.conf | xargs -r dirname
"""
"""Services that we have written, and those of the distribution whose command line is ours."""
EXPOSURE = re.compile(r"level for (\S+): ([0-9.]+)")


def exposures(host: testinfra.host.Host) -> dict[str, float]:
    """Return how exposed each service is that is ours on HOST, from 0 to 10 (systemd-analyze security), {} when none is.

    Of a template it is that of an instance which need not exist.
    """
    paths = [Path(path).name.removesuffix(".d") for path in host.run(UNITS).stdout.split()]
    names = [name.replace("@.service", "@one.service") for name in paths]
    found = {}
    for name in names:
        said = EXPOSURE.search(host.run("systemd-analyze security --no-pager %s", name).stdout)
        assert said, name
        found[name] = float(said[2])
    return found


@pytest.fixture
def exposed(host: testinfra.host.Host) -> dict[str, float]:
    """What `exposures` finds on the test host."""
    return exposures(host)


@pytest.fixture
def browser(host: testinfra.host.Host) -> Browser:
    """A new visitor of the test host."""
    return Browser(addresses()[host.backend.name])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the end of the host's journal to the report of a failed test."""
    report = yield
    if report.when == "call" and report.failed and "host" in getattr(item, "funcargs", {}):
        journal = item.funcargs["host"].run("journalctl --no-pager --lines 60 --priority info")
        report.sections.append(("journal of the host", journal.stdout))
    return report
