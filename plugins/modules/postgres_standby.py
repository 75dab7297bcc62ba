#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's PostgreSQL as a standby that follows another host's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_standby
short_description: Make the host's PostgreSQL a streaming standby of another host's
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - With O(state=checked), returns whether the server was promoted, or closed for another's promotion; the filter
    P(slipway.flask.database_promoted#filter) says what the inventory must be for that.
  - Three more steps, because the primary is told in between. With O(state=prepared), the host makes itself a password, and
    returns only what PostgreSQL keeps of one, for M(slipway.flask.postgres_replication) on the primary.
  - With O(state=copied), its data is made a standby's. A standby is left as it is. A primary that was closed in order goes
    on from where it ended. Everything else is replaced by a copy of the primary's data (C(pg_basebackup)) - but data that
    the primary doesn't have only with O(discard).
  - With O(state=streaming), it waits until the standby receives what its primary writes. Its settings come from
    M(slipway.flask.postgres_cluster), which also starts it.
  - Connections are TLS; the primary's certificate must be of its own name.
options:
  state:
    description: Which step.
    type: str
    choices: [checked, prepared, copied, streaming]
    required: true
  host:
    description: Name of this host in the inventory.
    type: str
    required: true
  primary:
    description: The server that it follows, for O(state=copied) and O(state=streaming).
    type: dict
    suboptions:
      name:
        description: Name of the host in the inventory.
        type: str
        required: true
      address:
        description: IP address at which this host reaches it.
        type: str
        required: true
      certified:
        description: DNS name that its certificate must have.
        type: str
        required: true
      port:
        description: Port number.
        type: int
        default: 5432
  cluster:
    description: PostgreSQL cluster, such as V(17/main). Empty means the only one, or the one on port 5432.
    type: str
    default: ""
  locale:
    description: Locale of a cluster that is made; the copy has the primary's.
    type: str
    default: C.UTF-8
  lost:
    description: The primary no longer has the WAL that this standby needs, so it is copied anew.
    type: bool
    default: false
  anew:
    description: Copy a standby anew, whatever it has.
    type: bool
    default: false
  discard:
    description: Replace data of this host that the primary doesn't have.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Tells what would be done as far as the primary can be asked already.
"""

EXAMPLES = r"""
- name: Follow the server of db1
  slipway.flask.postgres_standby:
    state: copied
    host: db2
    primary:
      name: db1
      address: 10.0.0.1
      certified: db1.slipway.internal
"""

RETURN = r"""
marks:
  description: What the host keeps of a promotion.
  returned: with O(state=checked)
  type: dict
verifier:
  description: What PostgreSQL keeps of the host's password; empty in check mode if there is none yet.
  returned: with O(state=prepared)
  type: str
done:
  description: What was done with the data, or would be; V(keep), V(follow) or V(copy).
  returned: with O(state=copied)
  type: str
max_connections:
  description: The primary's setting; a standby with fewer doesn't start.
  returned: with O(state=copied)
  type: int
"""

import os
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import FilesError
from ansible_collections.slipway.flask.plugins.module_utils._host.told import told
from ansible_collections.slipway.flask.plugins.module_utils._postgres import (
    control,
    marks,
    replication_look,
    standby,
    upstream,
    verdict,
    wal,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    find_cluster,
    log_tail,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.replica import Primary

ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["checked", "prepared", "copied", "streaming"], "required": True},
    "host": {"type": "str", "required": True},
    "primary": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "certified": {"type": "str", "required": True},
            "port": {"type": "int", "default": 5432},
        },
    },
    "cluster": {"type": "str", "default": ""},
    "locale": {"type": "str", "default": "C.UTF-8"},
    "lost": {"type": "bool", "default": False},
    "anew": {"type": "bool", "default": False},
    "discard": {"type": "bool", "default": False},
}
SAID = {
    verdict.FOLLOW: "the closed primary made a standby of {primary}",
    verdict.COPY: "the data of {primary} copied",
}


def prepared(asked: dict[str, Any], check: bool) -> dict[str, Any]:
    """Make the password."""
    kept, new = standby.secret(asked["host"], check)
    return told(["a password for the standby made"] if new else []) | {"verifier": kept}


def copied(asked: dict[str, Any], primary: Primary, check: bool) -> dict[str, Any]:
    """Bring the data to being a standby's."""
    there = find_cluster(asked["cluster"])
    if there is None and check:
        return told([SAID[verdict.COPY].format(primary=primary.name)]) | {"done": verdict.COPY, "max_connections": 0}
    cluster = there or standby.new_cluster(asked["cluster"], asked["locale"])
    source = upstream.ask(cluster, primary, asked["host"])
    standby.check_version(cluster, source.version)
    data = control.data_folder(cluster)
    local = control.read(cluster, data)
    done = verdict.verdict(
        verdict.Asked(asked["host"], primary.name, asked["lost"], asked["anew"], asked["discard"]), local, source,
        lambda: standby.is_empty(cluster), lambda position: commits(cluster, local, position),
    )  # fmt: skip
    actions = [SAID[done].format(primary=primary.name)] if done in SAID else []
    if not check:
        if done == verdict.COPY:
            standby.copy(cluster, data, primary, asked["host"])
        elif done == verdict.FOLLOW:
            systemd.stop(cluster.unit)
            standby.mark(data)
        actions += settled(cluster)
    return told(actions) | {"done": done, "max_connections": source.connections}


def commits(cluster: Cluster, local: control.Control | None, position: int) -> wal.Commits | None:
    return wal.commits_after(cluster, control.data_folder(cluster), local.timeline, position) if local else None


def settled(cluster: Cluster) -> list[str]:
    """Have the standby start at boot, and nothing said of a former promotion; it is neither closed nor a primary any more."""
    return ["started at boot"] * standby.at_boot(cluster, True) + ["the mark of a promotion removed"] * marks.forget()


def streaming(asked: dict[str, Any], primary: Primary) -> dict[str, Any]:
    """Wait until it receives what the primary writes."""
    cluster = find_cluster(asked["cluster"])
    if cluster is None:
        raise PostgresError("there is no PostgreSQL server on this host")
    state = standby.streaming(lambda: str((replication_look.ask(cluster).get("receiver") or {}).get("state", "")))
    if state != "streaming":
        raise PostgresError(
            f"the standby does not receive what {primary.name} writes ({state or 'not connected'}). End of {cluster.log}:\n"
            f"{log_tail(cluster)}"
        )
    return told([])


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(
        argument_spec=ARGUMENTS, supports_check_mode=True,
        required_if=[("state", "copied", ["primary"]), ("state", "streaming", ["primary"])],
    )  # fmt: skip
    asked, check = module.params, module.check_mode
    try:
        if asked["state"] == "checked":
            module.exit_json(changed=False, marks=asdict(marks.read()))
        if asked["state"] == "prepared":
            module.exit_json(**prepared(asked, check))
        primary = Primary(**asked["primary"])
        if asked["state"] == "copied":
            module.exit_json(**copied(asked, primary, check))
        module.exit_json(**({"changed": False} if check else streaming(asked, primary)))
    except (PostgresError, FilesError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
