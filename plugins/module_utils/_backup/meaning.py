# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an error of pgBackRest's or restic's means, and what to do about it: one sentence for the person.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings

FULL_BACKUP = "ansible-playbook playbooks/backup.yml -e full=true"
LONGEST = 500

PASSPHRASE = re.compile(
    r"passphrase is not the one|wrong password or no key|cipher header|unable to flush|"
    r"(FormatError|CryptoError|ChecksumError)\W+unable to load info file|key/value found outside of section",
)
"""Of a repository that another passphrase was made with, pgBackRest reads an index of random octets."""
FULL = re.compile(
    r"no space left|ENOSPC|disk quota|quota exceeded|QuotaExceeded|StorageFull|InsufficientStorage|\b507\b|"
    r"write failed: .*28\b|SSH_FX_(NO_SPACE|QUOTA)",
    re.IGNORECASE,
)
DAMAGED_FILE = re.compile(r"error restoring '[^']*?/data/([^']+)'")
GONE_FILE = re.compile(r"unable to open missing file '([^']+)'")
ERRORS = re.compile(r"There were (\d+) errors")
DAMAGED = re.compile(
    r"repository contains errors|ciphertext verification failed|checksum|invalid data returned|pack .* errors|"
    r"(zst|lz4|gz|bz2) error|Data corruption|(FormatError|CryptoError|ChecksumError)\W",
)
REFUSED = re.compile(
    r"AccessDenied|SignatureDoesNotMatch|InvalidAccessKeyId|Permission denied \(|SERVICE-AUTH|authentication fail|"
    r"unable to authenticate|HTTP request failed with 403|host key|Host key",
)
AWAY = re.compile(
    r"connection refused|timed? ?out|took longer than|no route to host|network is unreachable|no such host|unable to connect|"
    r"name or service not known|temporary failure in name|getaddrinfo|HostConnect|HTTP request failed with 5|connection reset|"
    r"repository does not exist|Is there a repository at|unable to open config file|"
    r"PathMissing|missing stanza path|holds no repository|is its disk mounted|input/output error|stale file handle",
    re.IGNORECASE,
)


WHOSE = re.compile(r"(the host|backup \S+|[a-z0-9_-]+): (?=restic |pgBackRest )")
"""Whose backup an error is about."""


def _damaged(said: str) -> str:
    broken, gone = DAMAGED_FILE.search(said), GONE_FILE.search(said)
    errors = ERRORS.search(said)
    what = "a checksum is wrong"
    if gone:
        what = f"the file {gone[1]} is gone"
    elif broken:
        what = f"its file {broken[1]} has changed since it was written"
    elif errors:
        what = f"restoring files from it ended with {errors[1]} errors"
    return f"a backup is damaged: {what}; make a new one (`{FULL_BACKUP}`) and check the disk or the service there"


KINDS: list[tuple[str, re.Pattern[str], Callable[[str], str]]] = [
    ("passphrase", PASSPHRASE, lambda said: (
        "the passphrase is not the one that its repository was created with; set slipway_backups.passphrase to that "
        "one and run site.yml"
    )),
    ("full", FULL, lambda said: (
        "it is full; free some space there, or keep less (slipway_backups.keep), then run `ansible-playbook playbooks/backup.yml`"
    )),
    ("damaged", DAMAGED_FILE, _damaged),
    ("damaged", GONE_FILE, _damaged),
    ("damaged", ERRORS, _damaged),
    ("damaged", DAMAGED, _damaged),
    ("refused", REFUSED, lambda said: (
        f"it rejects this host; check its key and its address in slipway_backups.to ({short(said)})"
    )),
    ("away", AWAY, lambda said: f"it can't be reached; check that it is up, or mounted ({short(said)})"),
]  # fmt: skip
"""What is seen in an error, the most telling first: a name for it, and what the person reads."""


def kind(said: str) -> str:
    """Return what sort of error SAID is: passphrase, full, damaged, refused, away, or other."""
    return next((name for name, pattern, _ in KINDS if pattern.search(said)), "other")


def sentence(target: str, said: str) -> str:
    """Return what the error that a program SAID about TARGET means, and what to do about it; it begins with the target."""
    told = re.sub(rf"{re.escape(target)}(?=[:\s]|$)", "it", said.removeprefix(f"{target}: "))
    whose = WHOSE.match(told)
    for _, pattern, means in KINDS:
        if pattern.search(told):
            return f"{target}: {whose[0] if whose else ''}{means(told)}"
    return f"{target}: {short(told)}"


def short(said: str) -> str:
    """Return SAID in one line that can be printed."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def without_secrets(text: str, settings: Settings) -> str:
    """Return TEXT without any of the SETTINGS' secrets: what leaves the host must hold none, whatever a program has said."""
    secrets = [settings.passphrase, *(hook.get("url", "") for hook in settings.notifications)]
    for target in settings.targets:
        secrets += [target.key, target.secret]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
