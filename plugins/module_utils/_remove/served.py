# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a database host has of an app that runs on other hosts, beside the database: who gets in from where, and the password.

And on those other hosts: how they reach it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._access import firewall, firewall_rules, firewall_unit
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import AccessError
from ansible_collections.slipway.flask.plugins.module_utils._host import file_state, systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names, network, passwords, server
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._remove import databases
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError

FIELDS = r"hostssl\s+\"{app}\"\s+\"{app}\"\s+(\S+)\s"
"""Of a line of pg_hba.conf as `network.rules` writes it; the address."""
ADDRESS = re.compile(r"^\s*host\w*\s+\S+\s+\S+\s+([0-9a-fA-F.:]+(?:/[0-9]+)?)\s", re.MULTILINE)
ALLOWED = re.compile(rf"^(\t+)(ip6?) saddr (\S+|\{{[^}}]*\}}) tcp dport {network.PORT} accept$")
IN_RECOVERY = "SELECT pg_is_in_recovery();"
LOADED = "SELECT extract(epoch FROM pg_conf_load_time());"


def is_there(app: str) -> bool:
    """Tell whether the host's PostgreSQL has the database of APP for other hosts: it keeps the password for them."""
    return passwords.path_of(app).is_file()


def is_standby(cluster: Cluster | None) -> bool:
    """Tell whether the server follows another one, from which what is removed there goes here as well."""
    try:
        return bool(cluster and cluster.online and names.psql(cluster, IN_RECOVERY).strip() == "t")
    except PostgresError as error:
        raise RemoveError(str(error)) from None


def url_of(app: str, folders: Iterable[Path]) -> str:
    """Return the URL of the app's database on a host of the inventory, "" if it is not on one; there is no password in it.

    The app's environment files in FOLDERS have it, with the file of the password that only Slipway writes.
    """
    for value in databases.values(folders):
        found = re.match(rf"postgres(?:ql)?(?:\+\w+)?(://{re.escape(app)}@\S+)$", value)
        if found and f"passfile={passwords.FOLDER / app}.pgpass" in value:
            return f"postgresql{found[1]}"
    return ""


def clients(app: str, cluster: Cluster | None) -> list[str]:
    """Return the addresses from which the app's role gets in."""
    found = re.compile(FIELDS.format(app=re.escape(app)))
    lines = _text(cluster.folder / "pg_hba.conf").splitlines() if cluster else []
    return [match[1] for line in lines if (match := found.match(line))]


def close(app: str, cluster: Cluster | None) -> list[str]:
    """Let nobody in any more for the sake of APP: take it out of the firewall and of pg_hba.conf; return what was done.

    :raises RemoveError: when one of the two rejects the rest, which is as before then.
    """
    gone = clients(app, cluster)
    if cluster is None or not gone:
        return []
    path, found = cluster.folder / "pg_hba.conf", re.compile(FIELDS.format(app=re.escape(app)))
    before = path.read_text()
    after = "".join(line for line in before.splitlines(keepends=True) if not found.match(line))
    others = set(ADDRESS.findall(after))
    done = _close_port([one for one in gone if _alone(one) not in {_alone(other) for other in others}])
    _write(path, after)
    try:
        if cluster.online:
            server.reload(cluster, float(names.psql(cluster, LOADED)))
    except (PostgresError, ValueError) as error:
        _write(path, before)
        raise RemoveError(f"PostgreSQL can't read {path} without the app: {error}") from None
    return [*done, f"{len(gone)} lines of {path}"]


def forget(app: str) -> None:
    """Remove the password, last of all: by it the database is known."""
    with suppress(FileNotFoundError):
        passwords.path_of(app).unlink()


def without(text: str, addresses: Iterable[str]) -> str:
    """Return the firewall's rules TEXT with nobody of ADDRESSES at PostgreSQL's port.

    Only the last rule of each version of IP is read: those before it are of `slipway_firewall_allow`, a person's own.
    """
    closed, lines = [ipaddress.ip_network(one) for one in addresses], text.splitlines(keepends=True)
    last: dict[str, tuple[int, re.Match[str]]] = {}
    for number, line in enumerate(lines):
        if found := ALLOWED.match(line.rstrip("\n")):
            last[found[2]] = number, found
    for number, found in last.values():
        rest = [ipaddress.ip_network(one) for one in re.findall(r"[0-9a-fA-F.:]+(?:/[0-9]+)?", found[3])]
        for one in closed:
            rest = [part for network_ in rest for part in _less(network_, one)]
        entry = {"protocol": "tcp", "ports": str(network.PORT), "from": [str(one) for one in rest]}
        rules = firewall_rules.allowing(entry) if rest else ()
        lines[number] = "".join(f"{found[1]}{rule}\n" for rule in rules)
    return "".join(lines)


def _less(whole: ipaddress.IPv4Network | ipaddress.IPv6Network, part: ipaddress.IPv4Network | ipaddress.IPv6Network) -> list[
    ipaddress.IPv4Network | ipaddress.IPv6Network
]:  # fmt: skip
    if whole.version != part.version or not whole.overlaps(part):
        return [whole]
    return list(whole.address_exclude(part)) if part != whole and part.prefixlen > whole.prefixlen else []  # type: ignore[arg-type]


def _close_port(addresses: list[str]) -> list[str]:
    before = _text(Path(firewall_unit.RULES))
    after = without(before, addresses)
    if after == before:
        return []
    try:
        checked = firewall.nft("-c", "-f", "-", text=after)
    except AccessError as error:
        raise RemoveError(str(error)) from None
    if checked.returncode:
        raise RemoveError(f"nft rejected the firewall's rules without the app: {checked.stderr.strip()[-500:]}")
    for path in (firewall_unit.RULES, firewall_unit.GOOD):
        if _text(Path(path)) == before:
            _write(Path(path), after)
    done = systemd.systemctl("try-reload-or-restart", firewall_unit.UNIT)
    if done.returncode:
        raise RemoveError(f"the firewall can't be loaded: {done.stderr.strip()}")
    return [f"access from {', '.join(addresses)} in the firewall"]


def _alone(address: str) -> str:
    """Return an ADDRESS of pg_hba.conf without the mask of a single one."""
    return str(ipaddress.ip_network(address, strict=False))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    """Write TEXT in the place of PATH, whose owner and mode it gets."""
    about = path.stat()
    file_state.write(path, text.encode(), stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid)
