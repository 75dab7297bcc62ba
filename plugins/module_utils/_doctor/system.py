# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Is the system itself well: its release, clock, units, and what waits for a restart?

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from ansible_collections.slipway.flask.plugins.module_utils._doctor import support
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import (
    Finding,
    Host,
    UnknownError,
    listed,
    note,
    problem,
)

RELEASE = re.compile(r'^(ID|VERSION_ID|PRETTY_NAME)="?([^"\n]*)"?$', re.MULTILINE)
DELETED = re.compile(r"^\S+ \S*x\S* .* (/(?:usr/)?(?:local/)?lib\S*\.so[.\d]*) \(deleted\)$", re.MULTILINE)
"""A library in proc_pid_maps(5) that a process runs and that has been replaced on the disk since."""
UNIT = re.compile(r"/([^/]+\.service)(?:/|$)", re.MULTILINE)
WANTS = "/etc/systemd/system/multi-user.target.wants"
LINUX = re.compile(r"vmlinuz-(\S+)")


def distribution(host: Host, today: date) -> Iterator[Finding]:
    """Does the distribution still get security updates?"""
    found = dict(RELEASE.findall(host.read("/etc/os-release") or host.read("/usr/lib/os-release")))
    name, version = found.get("ID", ""), found.get("VERSION_ID", "")
    title = found.get("PRETTY_NAME") or f"{name} {version}".strip()
    end = support.DISTRIBUTIONS.get((name, version))
    if end is None:
        raise UnknownError(f"it is not known how long {title or 'this system'} gets security updates")
    upgrade = "Move the site to a host with a newer release: site.yml -e restore=latest there (docs/backups.md)"
    if end < today:
        yield problem(f"{title} has had no security updates since {end}", upgrade)
    elif end - today < support.SOON:
        yield note(f"{title} gets security updates until {end} only", upgrade)
    elif name == "debian" and support.DEBIAN_TEAM.get(version, today) < today:
        yield note(
            f"{title} gets its security updates from Debian's LTS team now, until {end}, and not for every package"
        )


def clock(host: Host) -> Iterator[Finding]:
    """Is the clock kept right? Certificates, sessions and backups need it."""
    code, said = host.run("timedatectl", "show", "--property=NTPSynchronized", "--property=NTP")
    if code:
        raise UnknownError("timedatectl prints nothing")
    shown = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if shown.get("NTPSynchronized") == "yes" or host.is_container:
        return  # a container has its host's clock
    do = "See `timedatectl`; site.yml sets up systemd-timesyncd (slipway_baseline), as does `apt install systemd-timesyncd`"
    state = (
        "no time service is running"
        if shown.get("NTP") == "no"
        else "the time service has reached no server yet: UDP port 123 out"
    )
    yield problem(f"the clock is not synchronised: {state}", do)


def units(host: Host) -> Iterator[Finding]:
    """Has a unit failed?"""
    code, said = host.run("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full")
    if code:
        raise UnknownError("systemd does not answer")
    failed = [line.split()[0] for line in said.splitlines() if line.strip()]
    if failed:
        yield problem(
            f"{len(failed)} unit{'s' * (len(failed) > 1)} failed: {listed(failed)}",
            f"Read why with `journalctl -u {failed[0]}`; once it is fixed, `systemctl restart {failed[0]}`, or "
            f"`systemctl reset-failed {failed[0]}` for one that ran once",
        )


def stopped(host: Host) -> Iterator[Finding]:
    """Does each service run that starts at boot? One that is done by nature, or that a condition keeps from starting, may rest."""
    names = [path.name for path in host.glob(f"{WANTS}/*.service")]
    if not names:
        return
    code, said = host.run("systemctl", "show", "--property=Id,Type,ActiveState,ConditionResult", *names)
    if code:
        raise UnknownError("systemd does not answer")
    for block in said.split("\n\n"):
        shown = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        rests = shown.get("Type") in ("oneshot", "idle") or shown.get("ConditionResult") != "yes"
        if shown.get("ActiveState") == "inactive" and not rests:
            unit = shown.get("Id", "")
            yield problem(
                f"{unit} starts at boot but is not running: somebody has stopped it", f"`systemctl start {unit}`"
            )


def reboot(host: Host) -> Iterator[Finding]:
    """Does an update wait for a restart of the host?"""
    do = "Reboot the host at a quiet hour: `reboot`. All sites come back automatically"
    if host.path("/run/reboot-required").exists():
        packages = sorted(set(host.read("/run/reboot-required.pkgs").split()))
        why = f" for {listed(packages)}" if packages else ""
        yield problem(f"the host must be rebooted{why}", do)
        return
    if host.is_container:
        return
    running = host.run("uname", "-r")[1].strip()
    flavour = running.rpartition("-")[2]
    kernels = [match[1] for path in host.glob("/boot/vmlinuz-*") if (match := LINUX.fullmatch(path.name))]
    newest = max((one for one in kernels if one.rpartition("-")[2] == flavour), key=numbers, default="")
    if newest and numbers(newest) > numbers(running):
        yield problem(
            f"the kernel {newest} is installed but {running} is running: its security updates are not in effect", do
        )


def numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def libraries(host: Host) -> Iterator[Finding]:
    """Which services run libraries that an update has replaced? (needrestart looks in the same place and need not be there.)"""
    found: dict[str, set[str]] = {}
    for process in host.glob("/proc/[0-9]*"):
        old = DELETED.findall(host.read(f"/proc/{process.name}/maps"))
        if old:
            names = UNIT.findall(host.read(f"/proc/{process.name}/cgroup"))
            found.setdefault(names[-1] if names else "processes of no service", set()).update(
                path.rpartition("/")[2] for path in old
            )
    if found:
        services = sorted(found)
        libraries_of = sorted(set().union(*found.values()))
        first = next((name for name in services if name.endswith(".service")), "")
        yield problem(
            f"{listed(services)} run{'s' * (len(services) == 1)} older versions of {listed(libraries_of, 3)} than those installed",
            f"Restart apps with a deploy (playbooks/deploy.yml), other services with `systemctl restart {first or 'NAME'}`",
        )
