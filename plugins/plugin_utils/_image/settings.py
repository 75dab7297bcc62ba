# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`slipway_image`: what images stand on, what they are called, and who builds them. The one place that says what each key is.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import mapping
from ansible_collections.slipway.flask.plugins.plugin_utils._app.description import type_name
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import Key

NAME = "slipway_image"
ENGINES = ("buildah", "podman", "docker")
KEYS: dict[str, Key] = {
    "name": Key(
        str,
        "{app}",
        "Name of the image without a tag, such as `registry.example.org/team/{app}`; `{app}` is the app's name.",
    ),
    "base": Key(
        str,
        "python:{python}-slim",
        "Image that it stands on, with the Python of the release (`{python}`, such as 3.13) and a shell.",
    ),
    "build_base": Key(
        str,
        "",
        "Image in which the packages are installed, with the same Python, `venv` and pip; it may have compilers. Empty is `base`.",
    ),
    "builder": Key(
        str, "", "Host of the inventory, or `localhost`, that builds the image. Empty is the host with the release."
    ),
    "engine": Key(str, "", "Program that builds. Empty is the first of these that the builder has.", ("", *ENGINES)),
    "isolation": Key(
        str,
        "",
        "How buildah and podman isolate what runs during a build; empty is their own default. `chroot` works inside containers.",
        ("", "oci", "rootless", "chroot"),
    ),
    "format": Key(
        str,
        "docker",
        "Format of the image; every engine reads both. Only `docker` (schema 2) carries a health check.",
        ("docker", "oci"),
    ),
    "layers": Key(
        bool,
        True,
        "Keep each step of the build as a layer: a change of the code rebuilds and pushes the code alone. `false` makes one layer, "
        "with less work where storage can't share files (the driver `vfs`).",
    ),
    "leave_out": Key(
        list, [], "Folders and files of the code that the image goes without, e.g. `[node_modules, tests]`.", of=str
    ),
    "push": Key(bool, False, "Push the image to the registry in its name."),
    "insecure": Key(bool, False, "The registry speaks HTTP, or has a certificate that nobody knows."),
    "user": Key(str, "", "User name at the registry. Empty leaves the login to the builder's own (`podman login`)."),
    "password": Key(str, "", "Password or token at the registry (secret)."),
}
IMAGE = re.compile(
    r"([a-z0-9][a-z0-9.-]*(:\d+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*", re.ASCII
)
"""A name without a tag. Source: https://github.com/distribution/reference, after its grammar."""
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
BASE = re.compile(rf"{IMAGE.pattern}(:\w[\w.-]{{0,127}})?(@sha256:[0-9a-f]{{64}})?", re.ASCII)
PATH = re.compile(r"[\w.@+-]+(/[\w.@+-]+)*")


def problems(found: Any, app: str = "app") -> list[str]:
    """Return what is wrong with `slipway_image` for an APP, one sentence each; nothing is with none."""
    if not isinstance(found, Mapping):
        return [f"{NAME} must be a mapping, not {type_name(type(found))}"]
    wrong = list(mapping.wrong(found, KEYS, NAME))
    return wrong or [f"{NAME}: {text}" for text in _values(complete(found), app)]


def _values(whole: Mapping[str, Any], app: str) -> Iterator[str]:
    name = image_name(whole, app)
    if not IMAGE.fullmatch(name):
        yield f"'name' is '{name}'; it must be a name in small letters without a tag, such as registry.example.org/team/shop"
    elif whole["push"] and not re.match(r"[^/]*[.:][^/]*/|localhost/", name):
        yield f"'push' needs a registry in 'name', which is '{name}': write registry.example.org/{name}"
    for key in ("base", "build_base"):
        if whole[key] and not BASE.fullmatch(based(whole[key], "3.13")):
            yield f"'{key}' is '{whole[key]}'; it must be an image such as python:3.13-slim"
    for path in whole["leave_out"]:
        if not PATH.fullmatch(str(path).rstrip("/")) or ".." in str(path).split("/"):
            yield f"'leave_out' has '{path}'; it must be a path in the code, such as node_modules"
    if bool(whole["user"]) != bool(whole["password"]):
        yield "'user' and 'password' belong together; give both or none"


def complete(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return `slipway_image` with all its keys."""
    return {name: found.get(name, key.default) for name, key in KEYS.items()}


def image_name(whole: Mapping[str, Any], app: str) -> str:
    """Return what the image of APP is called, without a tag."""
    return str(whole["name"]).replace("{app}", app)


def based(image: str, python: str) -> str:
    """Return the name of a base IMAGE for the version PYTHON, such as 3.13."""
    return image.replace("{python}", python)


def tag_of(revision: str) -> str:
    """Return the tag of the image of a REVISION: a commit's first twelve digits, else what can stand in a tag."""
    short = revision[:12] if re.fullmatch(r"[0-9a-f]{40,64}", revision) else revision
    return re.sub(r"[^\w.-]+", "-", short, flags=re.ASCII).lstrip(".-")[:128] or "unknown"


def reference(found: Mapping[str, Any], app: str, revision: str) -> str:
    """Return name and tag of the image of APP's REVISION, as compose files and manifests write it."""
    return f"{image_name(complete(found), app)}:{tag_of(revision)}"
