#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""VPS look-alikes on this machine: podman containers with systemd, SSH with root's key, and nothing else.

    vps.py up NAME [--debian 12|13] [--publish 8443:443 ...]   make it (or leave it as it is); print its facts as JSON
    vps.py down NAME...                                        remove it and everything in it
    vps.py list                                                one JSON object a host
    vps.py image --debian 12|13                                build the image only
    vps.py stop NAME                                           halt it, as a reboot does
    vps.py save NAME IMAGE                                     stop a host, and keep it as an image for `up --image IMAGE`

A host has what a provider's Debian image has: systemd, sshd, python3, CA certificates; its SSH host keys are its own.
The images come from this machine's own APT configuration, so no image registry is needed.
Needs root. On a machine with old-style cgroups it goes through `bin/lib/cgroup2`, as every podman call there must.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import inspect
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

SUITES = {"12": "bookworm", "13": "trixie"}
PACKAGES = (
    "systemd,systemd-sysv,dbus,libpam-systemd,python3,ca-certificates,iproute2,openssh-server,"
    "apt-utils,less,nano,procps,cron,tzdata"
)
STATE = Path(__file__).resolve().parents[2] / ".slipway"
CGROUP2 = Path(__file__).with_name("cgroup2").resolve()
CGROUPS = Path("/sys/fs/cgroup")
BOOT_SECONDS = 60
KEPT_SECONDS = 7 * 86_400
"""An image that no recipe makes any more is removed when it is that old and another one is built."""
SAVED_SECONDS = 3 * 3600
"""One that was saved, when it is that old and another one of that name is saved."""
PROCESSOR_NOTES = "SLIPWAY_PROCESSOR_NOTES"
"""The environment variable of a file to which the processor seconds of hosts that end here are added, a line each."""
ACCESS_LISTS = "/var/lib/slipway-access-lists"
"""Where a saved host has those of its files: podman's images have none."""
IDENTITY = """
rm -rf /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /root/.ansible /var/log/journal/* /var/lib/systemd/random-seed
: >/etc/machine-id
""".strip()
"""Removes what a host has for itself alone: each that is made of its image makes its own."""
NOTE_ACCESS_LISTS = f"""
if command -v getfacl >/dev/null; then
  getfacl --recursive --physical --skip-base --absolute-names /etc /opt /srv /var 2>/dev/null >{ACCESS_LISTS}
fi
""".strip()
KEEP_BYTECODE = "SLIPWAY_HOSTS_KEEP_BYTECODE"
"""The environment variable that, with any text, has a new host keep the bytecode of modules: for tests, not for figures."""
BYTECODE = Path(__file__).with_name("compiled") / "on_hosts.py"
INSTALL_BYTECODE = """
cat >/usr/lib/python3/dist-packages/look_alike.py <<'END'
{}
END
echo import look_alike >/usr/lib/python3/dist-packages/look_alike.pth
""".strip()
RESTORE_ACCESS_LISTS = f"[ ! -s {ACCESS_LISTS} ] || setfacl --restore={ACCESS_LISTS}; rm -f {ACCESS_LISTS}"


def run(*command: str, stdin: str | None = None, check: bool = True) -> str:
    """Run COMMAND and return its standard output; on failure show its error output and exit."""
    done = subprocess.run(command, input=stdin, text=True, capture_output=True, check=False)
    if check and done.returncode:
        sys.exit(f"vps: {' '.join(command[:4])} … failed ({done.returncode}):\n{done.stderr.strip()[-3000:]}")
    return done.stdout


def index_targets() -> list[str]:
    """Return origin, codename and URI of each of APT's indexes; APT takes half a second, and is asked when they have changed."""
    configuration = [
        *sorted(path for path in Path("/etc/apt").rglob("*") if path.is_file()),
        Path("/var/lib/apt/lists"),
    ]
    made_of = hashlib.sha256(repr([(path, path.stat().st_mtime_ns) for path in configuration]).encode()).hexdigest()
    kept = STATE / "index-targets"
    found = kept.read_text().splitlines() if kept.exists() else []
    if found[:1] != [made_of]:
        rows = run("apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)", "Created-By: Packages")
        found = [made_of, *sorted(set(rows.splitlines()))]
        kept.write_text("\n".join(found))
    return found[1:]


def apt_sources(suite: str) -> str:
    """Return sources.list lines for SUITE from this machine's APT configuration ('' lets mmdebstrap choose)."""
    uris: dict[bool, str] = {}
    for origin, codename, uri in (row.split("|") for row in index_targets()):
        if origin == "Debian" and "-backports" not in codename:
            uris.setdefault(codename.endswith("-security"), uri)
    if False not in uris:
        return ""
    lines = [f"deb {uris[False]} {suite} main", f"deb {uris[False]} {suite}-updates main"]
    if True in uris:
        lines.append(f"deb {uris[True]} {suite}-security main")
    return "\n".join(lines) + "\n"


def image(debian: str) -> str:
    """Build the image of a Debian release unless it exists already; return its name."""
    suite, sources = SUITES[debian], apt_sources(SUITES[debian])
    authorities = sorted(Path("/usr/local/share/ca-certificates").glob("*.crt"))
    recipe = hashlib.sha256((inspect.getsource(image) + PACKAGES + sources).encode())
    for authority in authorities:
        recipe.update(authority.read_bytes())
    name = f"localhost/slipway-vps:debian{debian}-{recipe.hexdigest()[:12]}"
    if subprocess.run(["podman", "image", "exists", name], check=False).returncode == 0:
        return name
    print(f"vps: building the Debian {debian} image (once, about 30 s)", file=sys.stderr)
    STATE.mkdir(exist_ok=True)
    tar = STATE / f"debian{debian}.tar"
    # Its user _apt must get into the folder that it works in, which a run of the tests keeps for itself.
    command = [
        "env",
        "--unset=TMPDIR",
        "mmdebstrap",
        "--variant=minbase",
        f"--include={PACKAGES}",
        '--aptopt=Apt::Install-Recommends "false"',
    ]
    for authority in authorities:
        command.append(f"--customize-hook=copy-in {authority} /usr/local/share/ca-certificates")
    command += [
        "--customize-hook=chroot $1 update-ca-certificates",
        # Units that a container can't run; a VPS has them, nothing of ours needs them.
        "--customize-hook=chroot $1 systemctl mask systemd-modules-load.service systemd-udevd.service "
        "systemd-networkd-wait-online.service systemd-logind.service getty.target console-getty.service",
        # Every host makes its own SSH host keys at its first boot, as cloud-init does.
        "--customize-hook=rm -f $1/etc/ssh/ssh_host_*",
        "--customize-hook=mkdir -p $1/etc/systemd/system/ssh.service.d",
        "--customize-hook=printf '[Service]\\nExecStartPre=\\nExecStartPre=/usr/bin/ssh-keygen -A\\n"
        "ExecStartPre=/usr/sbin/sshd -t\\n' >$1/etc/systemd/system/ssh.service.d/host-keys.conf",
        "--customize-hook=mkdir -m 0700 -p $1/root/.ssh",
        # As in Debian's own container images: dpkg syncs each file of a host that lives for minutes.
        "--customize-hook=echo force-unsafe-io >$1/etc/dpkg/dpkg.cfg.d/unsafe-io",
        suite,
        str(tar),
    ]
    if sources:
        command.append("-")
    try:
        run(*command, stdin=sources or None)
        changes = ["--change", 'CMD ["/lib/systemd/systemd"]', "--change", "STOPSIGNAL SIGRTMIN+3"]
        run("podman", "import", "--quiet", *changes, str(tar), name)
    finally:
        tar.unlink(missing_ok=True)
    for old in json.loads(run("podman", "images", "--format", "json")):
        # Other checkouts on this machine, older or newer than this one, have images of their own.
        ours = [tag for tag in old.get("Names") or [] if tag.startswith(f"localhost/slipway-vps:debian{debian}-")]
        if ours and name not in ours and time.time() - old["Created"] > KEPT_SECONDS:
            run("podman", "rmi", *ours, check=False)
    return name


def note_processor(containers: list[str]) -> None:
    """Note what running hosts have taken of the processors: their cgroups, which know it, end with them."""
    if not (notes := os.environ.get(PROCESSOR_NOTES)):
        return
    command = ("podman", "container", "inspect", "--format", "{{.State.CgroupPath}}", *containers)
    for cgroup in run(*command, check=False).split():  # none of those that don't exist
        stat = CGROUPS / cgroup.lstrip("/") / "cpu.stat"
        if stat.exists():
            microseconds = int(dict(line.split() for line in stat.read_text().splitlines())["usage_usec"])
            with open(notes, "a") as file:
                file.write(f"{microseconds / 1e6:.2f}\n")


def stop(container: str) -> None:
    """Halt a host: systemd stops every service, then the machine is off."""
    note_processor([container])
    run("podman", "stop", "--time", "60", container)


def save(container: str, name: str) -> None:
    """Stop a host and keep it as the image NAME, without what makes it this host; older ones of that name are removed."""
    run(*inside(container, f"{IDENTITY}\n{NOTE_ACCESS_LISTS}"))
    stop(container)
    run("podman", "commit", "--quiet", container, name)
    for old in json.loads(run("podman", "images", "--format", "json")):
        ours = [tag for tag in old.get("Names") or [] if tag.rpartition("-")[0] == name.rpartition("-")[0]]
        if ours and name not in ours and time.time() - old["Created"] > SAVED_SECONDS:
            run("podman", "rmi", *ours, check=False)


def key() -> Path:
    """Return the private SSH key that opens every look-alike, made at the first call."""
    path = STATE / "id_ed25519"
    if not path.exists():
        STATE.mkdir(exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "slipway", "-f", str(path))
    return path


def facts(container: str) -> dict[str, object]:
    """Return name, address, SSH key, known_hosts file, published ports and process 1 of a running host."""
    inspected = json.loads(run("podman", "inspect", container))[0]
    network = inspected["NetworkSettings"]
    address = network["IPAddress"] or next(iter(network["Networks"].values()))["IPAddress"]
    ports = {inside.split("/")[0]: int(outside[0]["HostPort"])
             for inside, outside in (network.get("Ports") or {}).items() if outside}  # fmt: skip
    known_hosts = STATE / f"known_hosts.{container}"
    return {
        "name": container,
        "debian": inspected["Config"]["Labels"]["slipway.debian"],
        "address": address,
        "key": str(key()),
        "known_hosts": str(known_hosts),
        "ports": ports,
        "pid": inspected["State"]["Pid"],
    }


def inside(container: str, script: str) -> list[str]:
    """Return the command that runs a shell SCRIPT in a running host, as `podman exec` does at twenty times the cost.

    It stays outside of the host's cgroup, which a systemd that starts wants for itself.
    """
    pid = run("podman", "inspect", "--format", "{{.State.Pid}}", container).strip()
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    namespaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
    return [
        "env",
        "-i",
        path,
        "HOME=/root",
        "container=podman",
        "nsenter",
        "--target",
        pid,
        *namespaces,
        "sh",
        "-c",
        script,
    ]


def wait_until_up(container: str) -> None:
    """Wait until sshd of CONTAINER listens; exit with its state after BOOT_SECONDS."""
    script = "until systemctl is-active --quiet ssh.service 2>/dev/null; do sleep 0.1; done"
    command = inside(container, f"timeout {BOOT_SECONDS} sh -c '{script}'")
    if subprocess.run(command, capture_output=True, check=False).returncode:
        print(run("podman", "exec", container, "systemctl", "list-units", "--failed", check=False), file=sys.stderr)
        sys.exit(f"vps: {container} did not come up within {BOOT_SECONDS} s")


def up(container: str, name: str, debian: str, publish: list[str], volumes: list[str]) -> dict[str, object]:
    """Make the host from image NAME unless it exists, start it, trust its host keys, and return its facts."""
    if subprocess.run(["podman", "container", "exists", container], check=False).returncode:
        command = ["podman", "run", "--detach", "--privileged", "--systemd=always"]
        command += ["--name", container, "--hostname", container.replace("_", "-")]
        command += ["--label", "slipway=1", "--label", f"slipway.debian={debian}"]
        for pair in publish:
            command += ["--publish", f"127.0.0.1:{pair}"]
        for volume in volumes:
            command += ["--volume", volume]
        run(*command, name)
    else:
        run("podman", "start", container)
    wait_until_up(container)
    # Also on a host that was there: another checkout may have made it, with its own key.
    opened = f"cat >/root/.ssh/authorized_keys; {RESTORE_ACCESS_LISTS}; cat /etc/ssh/ssh_host_*_key.pub"
    if os.environ.get(KEEP_BYTECODE):
        opened = f"{INSTALL_BYTECODE.format(BYTECODE.read_text())}\n{opened}"
    keys = run(*inside(container, opened), stdin=key().with_suffix(".pub").read_text()).splitlines()
    host = facts(container)
    Path(str(host["known_hosts"])).write_text("".join(f"{host['address']} {line}\n" for line in keys))
    return host


def down(containers: list[str]) -> None:
    """Remove the hosts named, with their volumes; one that does not exist is no error."""
    note_processor(containers)
    run("podman", "rm", "--force", "--ignore", "--volumes", "--time", "0", *containers)
    for container in containers:
        (STATE / f"known_hosts.{container}").unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("up")
    one.add_argument("name")
    one.add_argument("--debian", choices=sorted(SUITES), default="12")
    one.add_argument("--image", help="made by `save`; by default that of a bare host")
    one.add_argument("--new", action="store_true", help="remove the one of that name first")
    one.add_argument("--publish", action="append", default=[])
    one.add_argument("--volume", action="append", default=[])
    commands.add_parser("stop").add_argument("name")
    saving = commands.add_parser("save")
    saving.add_argument("name")
    saving.add_argument("image")
    commands.add_parser("down").add_argument("names", nargs="+")
    commands.add_parser("list")
    commands.add_parser("image").add_argument("--debian", choices=sorted(SUITES), default="12")
    asked = parser.parse_args()
    if os.geteuid() or not shutil.which("podman"):
        sys.exit("vps: needs root and podman")
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():  # podman outside of the wrapper spoils its state
        os.execv(CGROUP2, [str(CGROUP2), sys.executable, __file__, *sys.argv[1:]])
    STATE.mkdir(exist_ok=True)
    if asked.command in ("image", "up"):
        with (STATE / "vps.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two calls at once must not build one image twice
            name = getattr(asked, "image", None) or image(asked.debian)
            key()
    if asked.command == "image":
        print(name)
    elif asked.command == "up":
        if asked.new:
            down([asked.name])
        print(json.dumps(up(asked.name, name, asked.debian, asked.publish, asked.volume)))
    elif asked.command == "stop":
        stop(asked.name)
    elif asked.command == "save":
        save(asked.name, asked.image)
    elif asked.command == "down":
        down(asked.names)
    else:
        names = run("podman", "ps", "--filter", "label=slipway=1", "--format", "{{.Names}}").split()
        for name in names:
            print(json.dumps(facts(name)))


if __name__ == "__main__":
    main()
