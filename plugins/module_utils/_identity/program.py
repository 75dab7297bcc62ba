# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The program `slipway-identity`: a host's own certificate authority, which signs the host's own certificate.

It is installed on the host as it is, so it uses Python's standard library and the host's `openssl`, and nothing else. A daily
timer has it renew the certificate; the play runs the same code. The key of the authority never leaves the host, and name
constraints (RFC 5280, section 4.2.1.10) make all that it could sign worthless, but for the host's own name and addresses.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import ipaddress
import json
import os
import pwd
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path("/etc/slipway/identity")
SETTINGS, FLEET = "identity.json", "fleet.pem"
AUTHORITY, AUTHORITY_KEY = "ca.pem", "ca.key"
NEXT, NEXT_KEY = "next-ca.pem", "next-ca.key"
CERTIFICATE, KEY = "certificate.pem", "key.pem"
CA_DAYS, CA_RENEW_DAYS = 3650, 365
"""An authority is replaced in its last year, by the play: the other hosts must know the new one first."""
DAYS, RENEW_DAYS = 90, 30
"""Of the certificate, as Let's Encrypt has it: a month is left to notice that a renewal fails."""
BACKDATED = 3600
"""Seconds by which certificates begin early: the clocks of two hosts differ."""
DAY = 86_400

CONFIGURATION = """\
[ca]
default_ca = this
[this]
database = {scratch}/index.txt
new_certs_dir = {scratch}
rand_serial = yes
default_md = sha256
policy = policy
x509_extensions = extensions
unique_subject = no
[policy]
commonName = supplied
[req]
distinguished_name = name
prompt = no
string_mask = utf8only
[name]
CN = {common_name}
[extensions]
{extensions}
"""
OF_AUTHORITY = """\
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, {constraints}
"""
OF_CERTIFICATE = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


@dataclass(frozen=True)
class User:
    """A service that shows the certificate: a copy of what it reads for `owner`, if it has one, and what is reloaded."""

    unit: str
    owner: str = "root"
    copy: str = ""
    whole: bool = False
    """Whether the copy has the certificate before the key."""


USERS = {
    "nginx": User("nginx.service"),
    # The server refuses a key that others could read, and does not run as root (PostgreSQL manual, 19.9.2).
    "postgresql": User("postgresql.service", "postgres", "postgresql.key"),
    "haproxy": User("slipway-edge.service", "root", "haproxy.pem", whole=True),
}


class IdentityError(RuntimeError):
    """A message that a person can act on."""


@dataclass
class Done:
    """What was done, or would be: sentences, and whether services must read their files again."""

    actions: list[str] = field(default_factory=list)
    reload: bool = False


class Identity:
    """The host called NAME at ADDRESSES; the services USERS show its certificate. CHECK: only say what would be done."""

    def __init__(self, settings: Mapping[str, Any], folder: Path = FOLDER, *, check: bool = False) -> None:
        self.name, self.addresses = str(settings["name"]), [str(one) for one in settings["addresses"]]
        self.users = {name: USERS[name] for name in settings.get("users") or []}
        self.folder, self.check, self.done = folder, check, Done()

    # The authority

    def authorities(self) -> list[str]:
        """Return the authority and the one that will take its place, if there is one, as PEM."""
        return authorities_in(self.folder)

    def ensure_authority(self, rotate: bool = False) -> None:
        """Make an authority where there is none, and the next one where it is due; ROTATE: it is.

        The next one waits until all other hosts know it (`activate`).
        """
        current, waiting = self.folder / AUTHORITY, self.folder / NEXT
        if not (current.is_file() and (self.folder / AUTHORITY_KEY).is_file()):
            self._do("made the host's certificate authority", lambda: self._make_authority(AUTHORITY, AUTHORITY_KEY))
            return
        reason = "it was requested" if rotate else self._authority_reason(current)
        if reason and not (waiting.is_file() and not self._authority_reason(waiting)):
            self._do(
                f"made the next certificate authority, because {reason}", lambda: self._make_authority(NEXT, NEXT_KEY)
            )

    def activate(self) -> None:
        """Have the next authority take the place of the present one, and sign the certificate anew."""
        if not (self.folder / NEXT).is_file():
            return

        def replace() -> None:
            # A run that is killed between the two is mended by the next: the certificate of the new key is still `next`.
            (self.folder / NEXT_KEY).replace(self.folder / AUTHORITY_KEY)
            (self.folder / NEXT).replace(self.folder / AUTHORITY)

        self._do("the next certificate authority took its place", replace)
        self.ensure_certificate(force="the certificate authority is new")

    def _authority_reason(self, path: Path) -> str:
        try:
            left = _left(path)
            wanted = set(self._constraints())
            found = set(_constraints_of(path))
        except IdentityError:
            return "the present one can't be read"
        if found != wanted:
            return "the host has another name or address"
        return f"the present one has {max(0, int(left / DAY))} days left" if left < CA_RENEW_DAYS * DAY else ""

    def _make_authority(self, certificate: str, key: str) -> None:
        constraints = []
        for kind, text in self._constraints():
            constraints.append(f"permitted;{kind}:{text}")
        made = sign(
            f"Slipway {self.name}"[:64], OF_AUTHORITY.format(constraints=", ".join(constraints)), CA_DAYS, self.folder
        )
        _write(self.folder / key, made[1], 0o600)
        _write(self.folder / certificate, made[0], 0o644)

    def _constraints(self) -> list[tuple[str, str]]:
        masks = {4: "255.255.255.255", 6: ":".join(["ffff"] * 8)}
        addresses = [("IP", f"{one}/{masks[6 if ':' in one else 4]}") for one in self.addresses]
        return [("DNS", self.name), *addresses]

    # The certificate

    def ensure_certificate(self, force: str = "") -> None:
        """Sign a new certificate if it is due, or for the reason FORCE, and give each user its copy."""
        reason = force or self._certificate_reason()
        if reason:
            self._do(f"signed a certificate, because {reason}", self._sign)
            self.done.reload = True
        for user in self.users.values():
            if user.copy and (reason or not self._has_copy(user)):
                self._do(f"wrote {self.folder / user.copy}", lambda user=user: self._copy(user))
                self.done.reload = True

    def _certificate_reason(self) -> str:
        certificate, key = self.folder / CERTIFICATE, self.folder / KEY
        if not (certificate.is_file() and key.is_file()):
            return "there is none yet"
        try:
            if (left := _left(certificate)) < RENEW_DAYS * DAY:
                return f"{max(0, int(left / DAY))} days were left"
            if _public(certificate, "x509") != _public(key, "pkey"):
                return "the key was not the certificate's"
            _openssl("verify", "-partial_chain", "-trusted", str(self.folder / AUTHORITY), str(certificate))
        except IdentityError:
            return "the present one was not valid"
        if (self.folder / NEXT).is_file():
            return ""  # the present authority can't sign for another name or address; `activate` will sign
        return "" if _names_of(certificate) == set(self._names()) else "the host has another name or address"

    def _names(self) -> list[tuple[str, str]]:
        return [("DNS", self.name), *(("IP", one) for one in self.addresses)]

    def _sign(self) -> None:
        names = ", ".join(f"{kind}:{text}" for kind, text in self._names())
        authority = (self.folder / AUTHORITY, self.folder / AUTHORITY_KEY)
        certificate, key = sign(self.name[:64], OF_CERTIFICATE.format(names=names), DAYS, self.folder, authority)
        _write(self.folder / KEY, key, 0o600)
        _write(self.folder / CERTIFICATE, certificate, 0o644)

    def _has_copy(self, user: User) -> bool:
        path = self.folder / user.copy
        if not path.is_file() or not (self.folder / KEY).is_file():
            return False
        about = path.stat()
        known = {entry.pw_name for entry in pwd.getpwall()}
        right = (
            user.owner in known and about.st_uid == pwd.getpwnam(user.owner).pw_uid and about.st_mode & 0o777 == 0o600
        )
        return right and path.read_text() == self._copied(user)

    def _copied(self, user: User) -> str:
        key = (self.folder / KEY).read_text()
        return (self.folder / CERTIFICATE).read_text() + key if user.whole else key

    def _copy(self, user: User) -> None:
        try:
            owner = pwd.getpwnam(user.owner)
        except KeyError:
            raise IdentityError(f"there is no user '{user.owner}' on the host: install its package first") from None
        _write(self.folder / user.copy, self._copied(user), 0o600, (owner.pw_uid, owner.pw_gid))

    # The other hosts

    def fleet(self) -> str:
        """Return the authorities that the host trusts, as PEM; "" for none."""
        path = self.folder / FLEET
        return path.read_text() if path.is_file() else ""

    def trust(self, authorities: list[str]) -> None:
        """Have the host trust AUTHORITIES, and no others."""
        wanted = joined(authorities)
        if self.fleet() != wanted:
            self._do(
                "wrote the other hosts' certificate authorities", lambda: _write(self.folder / FLEET, wanted, 0o644)
            )
            self.done.reload = True

    def reload_users(self) -> None:
        """Have the running users read what changed. None of them ends a connection for it."""
        if not self.done.reload or self.check:
            return
        for user in self.users.values():
            if _systemctl("is-active", "--quiet", user.unit) == 0 and _systemctl("reload", user.unit):
                raise IdentityError(f"{user.unit} did not reload: see `systemctl status {user.unit}`")

    def _do(self, sentence: str, action: Any) -> None:
        self.done.actions.append(sentence)
        if not self.check:
            action()


def authorities_in(folder: Path) -> list[str]:
    """Return the authority in FOLDER and the one that will take its place, as far as there are any, as PEM."""
    found = (folder / name for name in (AUTHORITY, NEXT))
    return [path.read_text() for path in found if path.is_file()]


def joined(authorities: list[str]) -> str:
    """Return AUTHORITIES (PEM) as one file: each once, in an order of their own."""
    return "".join(sorted({text.strip() + "\n" for text in authorities}))


def sign(
    common_name: str, extensions: str, days: int, folder: Path, authority: tuple[Path, Path] | None = None
) -> tuple[str, str]:
    """Return a new certificate and its key (ECDSA P-256) as PEM, signed by AUTHORITY (certificate, key) or by itself.

    `openssl ca` is what can set a beginning in every version of OpenSSL. FOLDER is root's.

    :raises IdentityError: when openssl fails.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        key, request, made, settings = (Path(scratch) / name for name in ("key", "request", "made", "settings"))
        (Path(scratch) / "index.txt").touch()
        settings.write_text(CONFIGURATION.format(scratch=scratch, common_name=common_name, extensions=extensions))
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", str(key))
        _openssl("req", "-new", "-config", str(settings), "-key", str(key), "-out", str(request))
        start, end = time.time() - BACKDATED, time.time() + days * DAY
        by = ["-selfsign", "-keyfile", str(key)]
        if authority:
            by = ["-cert", str(authority[0]), "-keyfile", str(authority[1])]
        _openssl(
            *("ca", "-batch", "-notext", "-config", str(settings), *by, "-in", str(request), "-out", str(made)),
            *("-startdate", _moment(start), "-enddate", _moment(end)),
        )
        return made.read_text(), key.read_text()


def _moment(seconds: float) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def _left(path: Path) -> float:
    """Return the seconds that the certificate at PATH is valid."""
    said = _openssl("x509", "-in", str(path), "-noout", "-enddate")
    return ssl.cert_time_to_seconds(said.strip().partition("=")[2]) - time.time()


def _public(path: Path, kind: str) -> str:
    more = ["-noout", "-pubkey"] if kind == "x509" else ["-pubout"]
    return _openssl(kind, "-in", str(path), *more)


def _names_of(path: Path) -> set[tuple[str, str]]:
    return set(_listed(_openssl("x509", "-in", str(path), "-noout", "-ext", "subjectAltName")))


def _constraints_of(path: Path) -> set[tuple[str, str]]:
    return set(_listed(_openssl("x509", "-in", str(path), "-noout", "-ext", "nameConstraints")))


def _listed(printed: str) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each name that openssl PRINTED; an IPv6 address as Python writes it."""
    for part in printed.replace("\n", ",").split(","):
        kind, found, text = part.strip().partition(":")
        kind = {"IP Address": "IP"}.get(kind, kind)
        if found and kind in ("DNS", "IP"):
            yield kind, "/".join(_address(one) for one in text.split("/")) if kind == "IP" else text


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text)) if text != ":".join(["ffff"] * 8) else text


def _write(path: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Put TEXT at PATH, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "w") as stream:
        os.fchmod(descriptor, mode)
        if owner:
            os.fchown(descriptor, *owner)
        stream.write(text)
        stream.flush()
        os.fsync(descriptor)
    Path(temporary).replace(path)


def _systemctl(*arguments: str) -> int:
    return subprocess.run(["systemctl", *arguments], capture_output=True, check=False).returncode


def _openssl(*arguments: str) -> str:
    program = shutil.which("openssl")
    if program is None:
        raise IdentityError("openssl is not installed on the host: install the package openssl")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise IdentityError(
            f"openssl {arguments[0]} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
        )
    return done.stdout


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock: a play and the timer would sign for each other's keys."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)  # who could open it, could hold it
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Renew the certificate, or show it. Exit status: 0 when all is well, 1 when something failed."""
    parser = argparse.ArgumentParser(
        prog="slipway-identity", description="This host's certificate among the other hosts."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("show", help="show the certificate and what it is signed by")
    renew = commands.add_parser("renew", help="renew the certificate if it is due (run by the timer)")
    renew.add_argument("--force", action="store_true", help="renew it even if not due")
    chosen = parser.parse_args(arguments)
    try:
        identity = Identity(json.loads((folder / SETTINGS).read_text()), folder)
        if chosen.command == "show":
            for what, name in (("certificate", CERTIFICATE), ("certificate authority", AUTHORITY)):
                print(f"{what} of {identity.name}: {int(_left(folder / name) / DAY)} days left")
            print(f"trusts {identity.fleet().count('-----BEGIN')} certificate authorities")
            return 0
        with locked(folder):
            identity.ensure_certificate("it was requested" if chosen.force else "")
            identity.reload_users()
    except (IdentityError, OSError, ValueError, KeyError) as error:
        print(f"slipway-identity: {error}", file=sys.stderr)
        return 1
    print("\n".join(identity.done.actions) or "nothing to do")
    return 0


if __name__ == "__main__":
    sys.exit(main())
