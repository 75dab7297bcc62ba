# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Closing a site for maintenance: a file that nginx looks for at every request, so that nothing is reloaded.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

FOLDER = Path("/etc/nginx/slipway")
"""Where the role nginx_tls keeps the sites (`sites/<name>.conf`) and this switch (`maintenance/<name>`)."""


class MaintenanceError(RuntimeError):
    """A site can't be closed or opened; the message is for the user."""


def switch(sites: Sequence[str], closed: bool, by: str, check_mode: bool = False, folder: Path = FOLDER) -> list[str]:
    """Close or open SITES, all or none, and return those that were not so before.

    BY is kept in the file. Raises MaintenanceError for a site that the host does not have.
    """
    unknown = [site for site in sites if not (folder / "sites" / f"{site}.conf").is_file()]
    if unknown or not (folder / "maintenance").is_dir():
        names = " and ".join(f"'{site}'" for site in unknown or sites)
        raise MaintenanceError(
            f"nginx has no site {names} on this host that could be closed or opened: run playbooks/provision.yml first"
        )
    different = [site for site in sites if (folder / "maintenance" / site).exists() != closed]
    for site in [] if check_mode else different:
        flag = folder / "maintenance" / site
        if closed:
            flag.write_text(f"{by}\n")
            flag.chmod(0o644)
        else:
            flag.unlink()
    return different


def closed_since(site: str, folder: Path = FOLDER) -> str:
    """Return when SITE was closed, such as 2026-10-01T06:42:17Z; "" when it is open."""
    try:
        closed = (folder / "maintenance" / site).stat().st_mtime
    except OSError:
        return ""
    return datetime.fromtimestamp(closed, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
