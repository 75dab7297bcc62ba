# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What MkDocs has to know of the project: pages that are not in docs/, and where their links lead on the site.

The roles' README files and the project's own pages are pages of the site as well, so that a link which works in the repository
works there; what is no page (a program, a configuration) is linked to the repository.
Source: MkDocs, "Hooks" and `mkdocs.structure.files.File.generated`.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PROJECT = {"ARCHITECTURE.md": "architecture.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md",
           "CHANGELOG.md": "changelog.md"}  # fmt: skip
NAME = re.compile(r"(?<=<td>)((?:<a id=\"[^\"]*\"></a>)?)<code>([^<]+)</code>(?=</td>)")
"""A cell of a table that has a name and nothing else."""
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")


@cache
def pages() -> dict[str, str]:
    """Return the pages beside docs/: path in the repository -> path on the site."""
    roles = {
        f"roles/{path.parent.name}/README.md": f"roles/{path.parent.name}.md" for path in ROOT.glob("roles/*/README.md")
    }
    return {**roles, **{name: page for name, page in PROJECT.items() if (ROOT / name).is_file()}}


def linked(text: str, source: str, repository: str) -> str:
    """Return TEXT of the file SOURCE (a path in the repository) with links as they are on the site.

    REPOSITORY is the address of what is no page.
    """
    moved = pages()
    here = posixpath.dirname(moved.get(source, source.removeprefix("docs/")))

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        anchor = found[2] or ""
        if target == "README.md":
            target = "docs/index.md"
        page = moved.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else "")
        if page:
            return posixpath.relpath(page, here or ".") + anchor
        if not (ROOT / target).exists():
            return found[0]  # MkDocs says that it leads nowhere
        return f"{repository}/blob/main/{target}{anchor}"

    return LINK.sub(link, text)


def on_config(config: Any) -> Any:
    """Add the roles to the menu."""
    config.nav.insert(-1, {"Roles": sorted(page for page in pages().values() if page.startswith("roles/"))})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are elsewhere."""
    for source, page in pages().items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn the links of a page into those of the site."""
    del files
    back = {at: source for source, at in pages().items()}
    return linked(markdown, back.get(page.file.src_uri, f"docs/{page.file.src_uri}"), config.repo_url.rstrip("/"))


def breakable(html: str) -> str:
    """Return HTML in which a long name in a table breaks after a dot, a bracket or an underscore, and nowhere else."""

    def cell(found: re.Match[str]) -> str:
        name = re.sub(r"(?<=[._\]])(?=[a-z])", "<wbr>", found[2])
        return f'{found[1]}<code style="word-break: normal">{name}</code>'

    return NAME.sub(cell, html)


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Make the tables of variables readable."""
    del page, config, files
    return breakable(html)
