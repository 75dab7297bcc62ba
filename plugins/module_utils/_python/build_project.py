# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. The copy of a project that tools see while its environment is built."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import project as projects
from ansible_collections.slipway.flask.plugins.module_utils._python import source_tree as source_tree
from ansible_collections.slipway.flask.plugins.module_utils._python.build_sandbox import Workshop


def seated(
    project: Path, source: projects.Source, workshop: Workshop, root: Path, hidden: Collection[Path]
) -> tuple[Workshop, Path, projects.Source]:
    """Copy PROJECT for the tools, which write into it, and return it with its SOURCE as they see it.

    One that names folders outside of it is seen where it is, and so are copies of those folders. uv's cache knows a
    folder by its path and the times of its pyproject.toml and setup.py: a copy is always a new one.
    root: the folder of environments, which is no part of it; hidden: files with secrets of the app, which no package's
    code may see unless they list its packages.
    """
    base = project.resolve()
    outside = [folder for folder in source.folders if not folder.is_relative_to(base)]
    left_out = [path for path in hidden if path not in source.files]
    copy = workshop.scratch / "project"
    if not outside and all(path.is_relative_to(project) for path in source.main):
        source_tree.copy_tree(project, copy, root, left_out)
        workshop.give(copy)
        main = tuple(copy / file.relative_to(project) for file in source.main)
        return workshop, copy, dataclasses.replace(source, main=main)
    if not workshop.name:
        return workshop, project, source
    seats = []
    for number, place in enumerate([project, *outside]):
        # Not where tools can write: systemd would follow a link that they put in its place.
        seat = workshop.given.with_name(f"seat-{number}")
        source_tree.copy_tree(place, seat, root, left_out)
        workshop.give(seat)
        seats.append((seat, place))
    return dataclasses.replace(workshop, seats=tuple(seats)), project, source
