# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What becomes of the data of a host that is to be a standby: followed on with, or replaced by a copy of the primary's.

A copy destroys what is there. So it is only made where nothing is lost, or where a person has said so.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._postgres.control import Control
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._postgres.upstream import Source, follows
from ansible_collections.slipway.flask.plugins.module_utils._postgres.wal import Commits

KEEP, FOLLOW, COPY = "keep", "follow", "copy"
"""It is the standby that it is to be; it is a former primary that can go on as a standby; it is copied."""
DISCARD = "-e discard={host}"
ANEW = "-e standby=anew"


@dataclass(frozen=True)
class Asked:
    """HOST is to follow PRIMARY. LOST: it has been away for too long. ANEW and DISCARD: a person wants a copy in any case."""

    host: str
    primary: str
    lost: bool = False
    anew: bool = False
    discard: bool = False


def verdict(
    asked: Asked, local: Control | None, source: Source, is_empty: Callable[[], bool],
    commits: Callable[[int], Commits | None],
) -> str:  # fmt: skip
    """Return what is to be done with LOCAL data.

    :param is_empty: tells whether no database of the data has a table.
    :param commits: returns what was committed after a position of the data's own timeline, None if that can't be told.
    :raises PostgresError: when it must be a person's decision.
    """
    host, primary = asked.host, asked.primary
    if source.in_recovery:
        raise PostgresError(
            f"{primary} is itself a standby, so {host} can't follow it. If {primary} was promoted or closed since, change "
            "slipway_database in the inventory: playbooks/promote.yml shows how"
        )
    if local is None:
        return COPY
    if local.system != source.system:
        return _other(asked, local, is_empty)
    if local.is_standby and (asked.lost or asked.anew):
        return COPY
    reached = local.reached
    if reached and follows(*reached, source):
        return KEEP if local.is_standby else FOLLOW
    if local.has_recovered:
        raise PostgresError(
            f"{host} has received more of the former primary than {primary} has, and can't follow it. A copy of {primary} "
            f"takes the place of all that: run the command again with {ANEW}"
        )
    if asked.discard:
        return COPY
    if local.timeline not in source.history:
        raise PostgresError(
            f"{host} and {primary} have the same data, and {host} took writes that {primary} knows nothing of (timelines "
            f"{local.timeline} and {source.timeline}). If {primary} is the one that is right, run the command again with "
            f"{DISCARD.format(host=host)}: it replaces the data of {host}"
        )
    return _former(asked, commits(source.history[local.timeline]))


def _other(asked: Asked, local: Control, is_empty: Callable[[], bool]) -> str:
    """Data that is not the primary's: only what nobody can miss is replaced unasked."""
    if asked.discard or (local.is_standby and asked.anew) or (not local.is_standby and is_empty()):
        return COPY
    if local.is_standby:
        raise PostgresError(
            f"{asked.host} is the standby of another server than {asked.primary}, which may have been set up anew. If it died, "
            f"{asked.host} has the only copy of its data: playbooks/promote.yml -e host={asked.host} makes it the primary. If "
            f"that copy is not needed, run the command again with {ANEW}"
        )
    raise PostgresError(
        f"{asked.host} has databases of its own, and a standby has those of its primary, {asked.primary}. Move them with "
        f"playbooks/export.yml and import.yml; or, to give them up, run the command again with "
        f"{DISCARD.format(host=asked.host)}"
    )


def _former(asked: Asked, found: Commits | None) -> str:
    """A former primary that did not end in order, or took writes after its standby was promoted."""
    if found and not found.number:
        return COPY
    what = (
        f"{found.number} transaction{'s' * (found.number != 1)} (the last at {found.last} UTC)" if found
        else "an unknown number of transactions (the log of that time is gone)"
    )  # fmt: skip
    raise PostgresError(
        f"{asked.host} was the primary, and committed {what} that {asked.primary} has never received. As a standby it loses "
        f"them: look at them first, if they matter (docs/standby.md); then run the "
        f"command again with {DISCARD.format(host=asked.host)}"
    )
