# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a run is given beside the app: where the files go, which image, how many copies (`slipway_render`, `-e`).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_settings
from ansible_collections.slipway.flask.plugins.plugin_utils._render.meanings import TARGETS
from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import Kept
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import Key
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest

IMAGES = {
    "nginx": "nginx:1.28",
    "postgres": "postgres:17",
    "redis": "redis:8",
}
"""Official images: the newest stable series of each that its project maintains for years."""
KEYS: dict[str, Key] = {
    "replicas": Key(int, 2, "Number of containers with the web process, on engines of several nodes.", range=(1, 1000)),
    "images": Key(
        dict,
        {},
        "Images to use instead of the official ones, e.g. `{postgres: registry.example.com/postgres:17}`; keys are `nginx`, "
        "`postgres` and `redis`.",
        of=str,
    ),
    "options": Key(
        dict,
        {},
        "Settings of one target alone, by its name.",
        keys={
            "kubernetes": Key(
                dict, {}, "What a cluster is like; see docs/kubernetes.md.", keys=kubernetes_settings.KEYS
            )
        },
    ),
}
REFERENCE = re.compile(r"[a-z0-9][a-zA-Z0-9._:/-]*(@sha256:[0-9a-f]{64})?")
"""A reference of an image, without looking at its parts (distribution/reference)."""


@dataclass(frozen=True)
class Given:
    """What a target is written down with."""

    target: str
    to: Path
    image: str
    replicas: int
    images: Mapping[str, str]
    kept: Kept
    front: Sequence[Mapping[str, str]] = ()
    """The files of the role nginx_tls, rendered: `dest` and `content`."""
    certificate: Mapping[str, str] = field(default_factory=dict)
    """The provided certificate and its key (PEM) by the names of certificate.py; {} if a person brings them, or nobody."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """`slipway_render.options` of the target."""

    @property
    def release(self) -> str:
        """What tells the image's version: its tag, or the beginning of its digest."""
        return release_of(self.image)


def release_of(image: str) -> str:
    """Return the tag of an IMAGE, or the beginning of its digest, "" if it has neither."""
    name, _, digest = image.partition("@sha256:")
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or digest[:12]


def problems(target: str, image: str, settings: Any) -> list[str]:
    """Return what is wrong with TARGET, IMAGE and `slipway_render` (SETTINGS), one sentence each."""
    found = []
    if target not in TARGETS:
        found.append(f"target is '{target}'; it must be one of {', '.join(TARGETS)}{nearest(target, TARGETS)}")
    if not REFERENCE.fullmatch(image):
        found.append(
            f"image is '{image}'; give the reference of the app's image, such as -e image=registry.example.com/shop:4f2c1a9"
        )
    if not isinstance(settings, Mapping):
        return [*found, "slipway_render must be a mapping such as {replicas: 3}"]
    found += [f"unknown key '{key}' in slipway_render{nearest(str(key), KEYS)}" for key in settings if key not in KEYS]
    replicas = settings.get("replicas", KEYS["replicas"].default)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or not 1 <= replicas <= 1000:
        found.append(f"'replicas' in slipway_render is '{replicas}'; it must be a whole number from 1 to 1000")
    images = settings.get("images", {})
    if not isinstance(images, Mapping):
        return [*found, "'images' in slipway_render must be a mapping such as {postgres: postgres:17}"]
    for name, reference in images.items():
        if name not in IMAGES:
            found.append(f"unknown key '{name}' in 'images' of slipway_render{nearest(str(name), IMAGES)}")
        elif not isinstance(reference, str) or not REFERENCE.fullmatch(reference):
            found.append(f"'{name}' in 'images' of slipway_render is '{reference}', which is no reference of an image")
    if not isinstance(settings.get("options", {}), Mapping):
        found.append("'options' in slipway_render must be a mapping such as {kubernetes: {…}}")
    return found
