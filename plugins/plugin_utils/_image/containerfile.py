# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The Containerfile of an app's image, as a person would write it and can keep it.

It is in the part of the language that buildah, podman and Docker's own builder have in common: no mounts, no here-documents.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._database import squawk
from ansible_collections.slipway.flask.plugins.module_utils._image import places

HEALTH = "--interval=10s --timeout=10s --start-period=60s --retries=3"
HASHED, UNHASHED = "requirements.lock", "requirements-unhashed.lock"
SQUAWK = "squawk.lock"


@dataclass(frozen=True)
class Image:
    """What an image is made of. PYTHON is the version that the release runs with, CREATED seconds since 1970.

    packages: APT packages; files: names of the context that are there (HASHED, UNHASHED, SQUAWK, `packages`);
    shared: the names of the app's shared folders; writable: its further ones, by path.
    """

    app: str
    name: str
    revision: str
    release: str
    source: str
    created: str
    timestamp: int
    python: str
    base: str
    build_base: str
    packages: Sequence[str] = ()
    files: Sequence[str] = ()
    shared: Sequence[str] = ()
    writable: Sequence[str] = ()

    @property
    def minor(self) -> str:
        """The part of Python's version that decides which packages fit."""
        return ".".join(self.python.split(".")[:2])


def text(image: Image) -> str:
    """Return the Containerfile of IMAGE."""
    return "\n".join([*_head(image), "", *_build(image), "", *_final(image), ""])


def _head(image: Image) -> list[str]:
    return [
        f"# {image.app}, revision {image.revision}. Written by Slipway, which is not needed to build it:",
        f"#   buildah build --layers --timestamp {image.timestamp} --format docker --tag {image.name} .",
        "# podman takes the same options; docker build has no --timestamp, so that its image is another one each time.",
        f"ARG BASE={image.base}",
        f"ARG BUILD_BASE={image.build_base or '${BASE}'}",
    ]


def _build(image: Image) -> list[str]:
    python = f"python{image.minor}"
    pip = f"{python} -m pip --python {places.VENV}/bin/python install --no-compile --no-deps"
    lines = [
        "FROM ${BUILD_BASE} AS build",
        "# A private index: --build-arg PIP_INDEX_URL=… (it stays out of the image, as this whole stage does).",
        "ARG PIP_INDEX_URL=",
        "ARG PIP_EXTRA_INDEX_URL=",
        "ARG PIP_CERT=",
        f"ENV SOURCE_DATE_EPOCH={image.timestamp} PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \\",
        "    PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore",
    ]
    if image.packages:
        lines += _apt(image.packages)
    owner = f"{places.USER}:{places.USER}"
    lines += [
        "WORKDIR /build",
        "# A package that is built of its source runs code of its author's: not as root, who runs nothing of the environment.",
        f"RUN mkdir -p {places.VENV} && chown {owner} . {places.VENV}",
        f"USER {owner}",
        "ENV HOME=/build",
        f"RUN {python} -m venv --without-pip {places.VENV}",
    ]
    if HASHED in image.files:
        lines += [
            f"COPY --chown={owner} {HASHED} ./",
            f"RUN {pip} --require-hashes --requirement {HASHED}",
        ]
    if UNHASHED in image.files:
        lines += [
            "# Their index has no hashes for these.",
            f"COPY --chown={owner} {UNHASHED} ./",
            f"RUN {pip} --requirement {UNHASHED}",
        ]
    if "packages" in image.files:
        lines += [
            "# Packages that come from no index: from a repository, or built of the source.",
            f"COPY --chown={owner} packages {places.VENV}",
        ]
    compiled = f"RUN {python} -I -S -m compileall -q --invalidation-mode unchecked-hash"
    folders = [str(places.SHARED), *(f"{places.SHARED}/{shlex.quote(name.strip('/'))}" for name in image.shared)]
    return [
        *lines,
        "# Bytecode that depends on nothing but the code: a read-only image writes none, and times would make it another one.",
        f"{compiled} {places.VENV}/lib || true",
        "USER 0:0",
        f"RUN mkdir -p {' '.join(folders)} {places.FILES} && mkdir -m 0755 -p /opt/slipway",
        *(_squawk(python) if SQUAWK in image.files else []),
        f"COPY slipway {places.TOOLS}",
        f"{compiled} {places.LIB} || true",
        f"COPY src {places.SRC}",
        f"{compiled} {places.SRC} || true",
    ]


def _squawk(python: str) -> list[str]:
    """Return the lines that get what judges migrations: a wheel, of which nothing is run here."""
    folder = squawk.path().parent.parent
    return [
        "# What judges migrations before slipway-migrate runs them.",
        f"COPY {SQUAWK} /opt/",
        f"RUN {python} -I -m pip install --no-compile --no-deps --require-hashes --only-binary :all: --target /opt/squawk \\",
        f"    --requirement /opt/{SQUAWK} \\",
        f"    && mkdir -p {folder}/bin && cp /opt/squawk/bin/squawk {folder}/bin/",
    ]


def _final(image: Image) -> list[str]:
    user, app = places.USER, shlex.quote(image.app)
    about = {
        "title": image.app,
        "version": image.release,
        "revision": image.revision,
        "source": image.source,
        "created": image.created,
        "base.name": image.base,
    }
    labels = [f"{name}={json.dumps(value).replace('$', chr(92) + '$')}" for name, value in about.items() if value]
    variables = {
        "PATH": f"{places.VENV}/bin:{places.BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "VIRTUAL_ENV": str(places.VENV),
        "RELEASE_ID": image.release,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    return [
        "FROM ${BASE}",
        *(_apt(image.packages) if image.packages else []),
        f"# The user has a name for programs that ask; what the host calls /srv/{image.app}/shared is the same folder here.",
        f"RUN python{image.minor} -B -c pass \\",
        f"    && echo 'app:x:{user}:{user}::/tmp:/usr/sbin/nologin' >>/etc/passwd && echo 'app:x:{user}:' >>/etc/group \\",
        f"    && mkdir -p /srv {places.ROOT} && ln -s {places.ROOT} /srv/{app} \\",
        # An engine gives a new volume the owner of the folder that it is mounted on.
        f"    && install -d -o {user} -g {user} -m 0750 {shlex.join([str(places.STATE), *image.writable])}",
        f"COPY --from=build --chown={user}:{user} {places.SHARED} {places.SHARED}",
        f"COPY --from=build {places.FILES} {places.FILES}",
        *(["COPY --from=build /opt/slipway /opt/slipway"] if SQUAWK in image.files else []),
        f"COPY --from=build {places.TOOLS} {places.TOOLS}",
        f"COPY --from=build --chown=0:0 {places.VENV} {places.VENV}",
        f"COPY {places.SBOM.name} {places.SBOM}",
        f"COPY --from=build {places.SRC} {places.SRC}",
        "ENV " + " \\\n    ".join(f"{name}={value}" for name, value in variables.items()),
        "LABEL " + " \\\n      ".join(f"org.opencontainers.image.{label}" for label in labels),
        f"USER {user}:{user}",
        f"WORKDIR {places.SRC}",
        f"EXPOSE {places.PORT}",
        "STOPSIGNAL SIGTERM",
        f'HEALTHCHECK {HEALTH} CMD ["{places.HEALTH}"]',
        f'CMD ["{places.RUN}", "{places.WEB}"]',
    ]


def _apt(packages: Sequence[str]) -> list[str]:
    """Return the lines that install PACKAGES and leave nothing that differs from one build to the next."""
    return [
        "RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \\",
        f"    {shlex.join(packages)} \\",
        "    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig/aux-cache",
    ]
