# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The node exporter and Prometheus of a host: their command lines. Both are the distribution's, on loopback, behind passwords.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._metrics import places

DEFAULTS = {"days": 30, "disk_mb": 1024, "memory_mb": 256}
NODE, PROMETHEUS = "prometheus-node-exporter.service", "prometheus.service"
DATA = "/var/lib/prometheus/slipway"
"""Not the package's own folder: a host may have had a Prometheus before."""
QUERIES = 8
"""Questions that the store answers at once."""
GO_SHARE = 0.6
"""Of MemoryMax that Go is told of: the rest is for the files that Prometheus maps."""
COLLECTORS = (
    "cpu", "diskstats", "filefd", "filesystem", "loadavg", "meminfo", "netdev", "netstat", "sockstat", "stat",
    "systemd", "textfile", "time", "timex", "uname", "vmstat",
)  # fmt: skip
"""Of the node exporter. The others are for hardware that a VPS doesn't have, or for nobody."""
NOT_UNITS = (
    r".+\.(automount|device|mount|path|scope|slice|socket|swap|target)"
    r"|(systemd-([^t]|t[^i])|sshd-keygen|sshd@sshd-keygen|user|getty|serial-getty|container-getty|console|emergency|rescue|initrd"
    r"|modprobe|dbus|rc-local|autovt|keyboard|kmod|ldconfig|ifup).*"
)
"""Units of the system itself; systemd-timesyncd, which sets the clock, is none of them."""
NOT_MOUNTS = r"^/(dev|etc|proc|run|sys|tmp|boot/efi|efi|var/lib/docker/.+|var/lib/containers/.+)($|/)"
NOT_FILESYSTEMS = (
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|proc|pstore"
    "|ramfs|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs)$"
)
NETWORK = "^(Tcp_(ActiveOpens|PassiveOpens|CurrEstab|RetransSegs|OutSegs)|TcpExt_(ListenDrops|ListenOverflows|SyncookiesSent))$"
VIRTUAL = "^(lo|veth.*|docker.*|br-.*|virbr.*|cali.*|flannel.*|cni.*)$"
MEMORY = "^(oom_kill|pgmajfault|pswpin|pswpout)$"


def settings(found: Mapping[str, Any] | None) -> dict[str, int]:
    """Return the settings of the store, whole."""
    return {key: int((found or {}).get(key) or default) for key, default in DEFAULTS.items()}


def is_old(system: Sequence[Any]) -> bool:
    """Tell whether a SYSTEM (distribution, version) has servers older than Debian 12's: node exporter 1.3, Prometheus 2.31."""
    return [str(part) for part in system] == ["Ubuntu", "22.04"]


def node_arguments(system: Sequence[Any] = ()) -> list[str]:
    """Return the node exporter's on a SYSTEM, quoted for a unit. Since 1.5, the web configuration's flag ends in `.file`."""
    return [
        "--collector.disable-defaults",
        *(f"--collector.{name}" for name in COLLECTORS),
        _quoted(f"--collector.systemd.unit-exclude={NOT_UNITS}"),
        _quoted(f"--collector.filesystem.mount-points-exclude={NOT_MOUNTS}"),
        _quoted(f"--collector.filesystem.fs-types-exclude={NOT_FILESYSTEMS}"),
        _quoted(f"--collector.netstat.fields={NETWORK}"),
        _quoted(f"--collector.netdev.device-exclude={VIRTUAL}"),
        _quoted(f"--collector.vmstat.fields={MEMORY}"),
        f"--collector.textfile.directory={places.OUTPUT}",
        "--web.disable-exporter-metrics",
        "--web.listen-address=127.0.0.1:9100",
        f"--web.config{'' if is_old(system) else '.file'}={places.WEB}/node.yml",
    ]


def prometheus_arguments(store: Mapping[str, int]) -> list[str]:
    """Return Prometheus's for a STORE (`settings`). Neither its API for administrators nor that for its end is on."""
    return [
        f"--config.file={places.PROMETHEUS}/prometheus.yml",
        f"--storage.tsdb.path={DATA}",
        f"--storage.tsdb.retention.time={store['days']}d",
        f"--storage.tsdb.retention.size={store['disk_mb']}MB",
        "--storage.tsdb.wal-compression",
        "--web.listen-address=127.0.0.1:9090",
        f"--web.config.file={places.WEB}/prometheus.yml",
        "--web.max-connections=32",
        # The rules of the alerts wait in the same queue. Whoever has the dashboard's password has some places in it, not all
        # (plugin_utils/_dashboard/description.py), and all together stay below the memory that there is at least.
        "--query.timeout=10s",
        f"--query.max-concurrency={QUERIES}",
        "--query.max-samples=1000000",
        "--log.level=warn",
    ]


def _quoted(argument: str) -> str:
    """Return ARGUMENT as one word of ExecStart, in which systemd reads nothing (systemd.service(5), "Command lines")."""
    text = argument.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$").replace("%", "%%")
    return f'"{text}"'
