# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Builds an image of a context with the engine that a machine has: buildah, podman or Docker.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENGINES = ("buildah", "podman", "docker")
SECONDS = 3600
"""Nothing of a build takes longer."""
LAST_LINES = 30


class BuildError(RuntimeError):
    """There is no image; the message is for the user."""


@dataclass(frozen=True)
class Asked:
    """What is to be built. CONTEXT is its tar, FOLDER a place for this call alone."""

    app: str
    reference: str
    timestamp: int
    context: str
    folder: str
    engine: str = ""
    isolation: str = ""
    format: str = "docker"
    layers: bool = True
    insecure: bool = False
    user: str = ""
    password: str = ""
    push: bool = False
    save: bool = False
    index_url: str = ""
    extra_index_urls: Sequence[str] = field(default_factory=list)
    ca_bundle: str = ""

    @property
    def registry(self) -> str:
        return self.reference.partition("/")[0]


def engine_of(wanted: str) -> str:
    """Return the engine that is there. Raises BuildError."""
    names = [wanted] if wanted else list(ENGINES)
    for name in names:
        if shutil.which(name):
            return name
    raise BuildError(
        f"there is no {' or '.join(names)} there: install one (`apt install buildah`), or name another machine with "
        "`slipway_image: {builder: …}`"
    )


def build(asked: Asked) -> dict[str, Any]:
    """Build the image, push it and save it as ASKED; return what it is. Raises BuildError."""
    engine, room = engine_of(asked.engine), Path(asked.folder)
    place = room / "context"
    place.mkdir(mode=0o700)
    with tarfile.open(asked.context) as packed:
        # Links of the app's code may lead anywhere. Python 3.11 of Debian 12 knows no filters yet.
        packed.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        packed.extractall(place)
    variables = _variables(asked, engine, room)
    before = identity(engine, asked.reference, variables)
    started = time.monotonic()
    _run(build_command(asked, engine, place), variables, "the build failed")
    found: dict[str, Any] = {
        "app": asked.app,
        "reference": asked.reference,
        "engine": engine,
        "id": identity(engine, asked.reference, variables),
        "seconds": round(time.monotonic() - started, 1),
    }
    shutil.rmtree(place)
    if engine == "docker":
        found["note"] = (
            "docker build keeps the times of files: the same input gives another id; buildah's and podman's does not"
        )
    if asked.push:
        found["digest"] = _push(asked, engine, room, variables)
    if asked.save:
        found["saved"] = str(room / "image.tar")
        _run(save_command(asked, engine, found["saved"]), variables, "the image could not be written to a file")
        os.chown(found["saved"], room.stat().st_uid, room.stat().st_gid)
    found["bytes"] = size(engine, asked.reference, variables)
    return {"changed": found["id"] != before or asked.push or asked.save, "image": found}


def build_command(asked: Asked, engine: str, place: Path) -> list[str]:
    """Return the command that builds the context at PLACE; what is secret is in its environment."""
    arguments = [name for name, value in indexes(asked).items() if value]
    build_args = [part for name in arguments for part in ("--build-arg", name)]
    file = ["--file", str(place / "Containerfile"), "--tag", asked.reference]
    if engine == "docker":
        return [engine, "build", *build_args, *file, str(place)]
    # A company's own authority, which the machine trusts, is trusted while packages are installed.
    bundle = (
        ["--volume", f"{asked.ca_bundle}:{BUNDLE}:ro"] if asked.ca_bundle and Path(asked.ca_bundle).is_file() else []
    )
    trust = [f"--tls-verify={'false' if asked.insecure else 'true'}"]
    return [
        engine, "build", f"--layers={'true' if asked.layers else 'false'}",
        "--timestamp", str(asked.timestamp), "--format", asked.format, *trust,
        *(["--isolation", asked.isolation] if asked.isolation else []), *bundle, *build_args, *file, str(place),
    ]  # fmt: skip


BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
"""Where images of Debian, and Python's own, have the authorities that they trust."""


def indexes(asked: Asked) -> dict[str, str]:
    """Return the arguments of the build that say where packages come from."""
    return {
        "PIP_INDEX_URL": asked.index_url,
        "PIP_EXTRA_INDEX_URL": " ".join(asked.extra_index_urls),
        "PIP_CERT": BUNDLE if asked.ca_bundle and Path(asked.ca_bundle).is_file() else "",
    }


def save_command(asked: Asked, engine: str, to: str) -> list[str]:
    if engine == "docker":
        return [engine, "save", "--output", to, asked.reference]
    return [engine, "push", "--quiet", asked.reference, f"docker-archive:{to}:{asked.reference}"]


def _push(asked: Asked, engine: str, room: Path, variables: Mapping[str, str]) -> str:
    """Push the image and return the digest that its registry knows it by."""
    why = f"the image could not be pushed to {asked.registry}"
    if engine == "docker":
        _run([engine, "push", asked.reference], variables, why)
        told = _said([engine, "inspect", "--format", "{{index .RepoDigests 0}}", asked.reference], variables)
        return told.rpartition("@")[2]
    file = room / "digest"
    trust = f"--tls-verify={'false' if asked.insecure else 'true'}"
    _run(
        [engine, "push", trust, "--digestfile", str(file), asked.reference, f"docker://{asked.reference}"],
        variables,
        why,
    )
    return file.read_text().strip()


def identity(engine: str, reference: str, variables: Mapping[str, str]) -> str:
    """Return the id of an image, the digest of its configuration and so of all in it, "" when there is none."""
    template = {"buildah": "{{.FromImageID}}"}.get(engine, "{{.Id}}")
    kind = ["--type", "image"] if engine == "buildah" else ["--type=image"]
    told = _said([engine, "inspect", *kind, "--format", template, reference], variables)
    match = re.fullmatch(r"(?:sha256:)?([0-9a-f]{64})", told)
    return f"sha256:{match[1]}" if match else ""


def size(engine: str, reference: str, variables: Mapping[str, str]) -> int:
    """Return the octets of an image, unpacked and with its base, 0 when the engine doesn't say."""
    if engine == "buildah":
        try:
            told = str(json.loads(_said([engine, "images", "--json", reference], variables))[0]["size"])
        except (ValueError, LookupError):
            return 0
        match = re.fullmatch(r"([\d.]+)\s*([kKMGT]?)i?B", told.strip())
        return int(float(match[1]) * 1000 ** " kMGT".upper().index((match[2] or " ").upper())) if match else 0
    told = _said([engine, "inspect", "--type=image", "--format", "{{.Size}}", reference], variables)
    return int(told) if told.isdecimal() else 0


def _variables(asked: Asked, engine: str, room: Path) -> dict[str, str]:
    """Return the environment of the engine; a login to the registry is in a file of this call alone."""
    found = {**os.environ, **{name: value for name, value in indexes(asked).items() if value}}
    if asked.user:
        login = base64.b64encode(f"{asked.user}:{asked.password}".encode()).decode()
        file = room / "config.json"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            json.dump({"auths": {asked.registry: {"auth": login}}}, stream)
        found |= {"DOCKER_CONFIG": str(room)} if engine == "docker" else {"REGISTRY_AUTH_FILE": str(file)}
    return found


def _run(command: Sequence[str], variables: Mapping[str, str], why: str) -> None:
    try:
        done = subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", check=False, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BuildError(f"{why}: it took more than {SECONDS} s") from None
    if done.returncode:
        rows = [line for line in done.stdout.splitlines() if line.strip()][-LAST_LINES:]
        text = re.sub(r"(://[^:/@\s]*:)[^@\s]+@", r"\1********@", "\n".join(rows))
        raise BuildError(f"{why}. Its last lines:\n{text}")


def _said(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """Return what a command prints, "" if it fails."""
    done = subprocess.run(
        command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout.strip() if done.returncode == 0 else ""
