# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Every command that README and docs show, as it stands there, in a copy of the checkout where its reader stands.

What needs no host is run. A playbook is taken as far as its list of tasks: that its file, its tags and its words are right; what
it does is tested on hosts. What is typed on a host must stand in the tests that run there. A command of no kind fails.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.cli.playbook import PlaybookCLI

ROOT = Path(__file__).resolve().parents[2]
DOCS = ["README.md", "CONTRIBUTING.md", "docs/*.md", "roles/*/README.md", "sample_app/README.md"]
TOOLS = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
INLINE = re.compile(r"(?<!`)`((?:ansible-playbook|ansible-galaxy|playbooks/|bin/|openssl|python3 -)[^`]*)`(?!`)")
TYPED = re.compile(
    r"^(?:\$ )?(?P<command>(?:ansible-playbook |ansible-galaxy |bin/|ssh |curl |journalctl |systemctl |testssl |nginx -|grep ).*)$"
)
PAIRS = {
    "inventory/hosts.yml": "web:\n  hosts:\n    vps1: {ansible_host: 203.0.113.10, ansible_user: root}\n",
    "group_vars/all/main.yml": "slipway_apps: [{name: shop, domains: [example.com], source: {path: ../shop}, wsgi: shop:app}]\n",
}
"""What the README tells its reader to write."""
BESIDE = {"hosts.yml": PAIRS["inventory/hosts.yml"], "group_vars/all/main.yml": PAIRS["group_vars/all/main.yml"],
          "vault-password": "s3cret\n"}  # fmt: skip
"""What `bin/describe --write ../shop-deploy` has written in the tutorial."""


def documented() -> Iterator[tuple[str, str]]:
    """Yield (file, command) of all commands in code blocks and in the text, without the comments that follow them."""
    for path in sorted(path for pattern in DOCS for path in ROOT.glob(pattern)):
        name, fenced = str(path.relative_to(ROOT)), False
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("```"):
                fenced = not fenced
            elif fenced:
                found = TYPED.match(line)
                if found and (line.startswith("$ ") or not name.startswith("roles/")):
                    yield name, re.split(r"\s{3,}|\s+# ", found["command"])[0].strip()
            else:
                for command in INLINE.findall(line):
                    if " " in command or command.startswith("bin/"):
                        yield name, command


ALL = sorted({command for _, command in documented()})


def of(*starts: str) -> list[str]:
    return [command for command in ALL if command.startswith(starts)]


PLAYBOOKS = of("ansible-playbook ", "playbooks/")
GALAXY = of("ansible-galaxy ")
BIN = of("bin/")
HERE = of("openssl ", "python3 -")
ON_HOSTS = of("ssh ", "curl ", "journalctl ", "systemctl ", "testssl ", "nginx -", "grep ")
NEEDLES = {
    "ssh vps1 slipway-certificates list": "slipway-certificates list",
    "ssh vps1 slipway-certificates renew --force shop": "slipway-certificates renew --force",
    "ssh vps1 tar -C / -cz etc/nginx/tls etc/nginx/acme > certificates.tar.gz": "etc/nginx/tls",
    "ssh vps2 tar -C / -xz < certificates.tar.gz": "etc/nginx/acme",
    "ssh db1 slipway-identity show": "slipway-identity show",
    "ssh web1 grep DATABASE_URL /etc/shop/environment": "DATABASE_URL",
    "ssh vps1 sshd -T": "sshd -T",
    "ssh vps1 sudo fail2ban-client status sshd": "fail2ban-client status",
    "ssh vps1 sudo fail2ban-client unban 198.51.100.7": "fail2ban-client unban",
    "ssh vps1 sudo slipway-guard status": "slipway-guard status",
    "ssh vps1 sudo slipway-guard undo": "slipway-guard undo",
    "curl -X POST -H 'Accept: application/json' https://shop.example.com/login": '"Accept": "application/json"',
    "curl http://127.0.0.1:8081/nginx_status": "http://127.0.0.1:8081/nginx_status",
    "testssl -p -s -f -S -h -U https://shop.example.com | grep Grade": "testssl",
    "nginx -T | gixy --skips try_files_is_evil_too -": "gixy",
}
"""What of a command that is typed on a host the tests on hosts have."""
PLAIN = ("journalctl ", "ssh -L ", "ssh vps1 journalctl ", "systemctl status", "systemctl --failed", "grep ")
"""Looks at what any Debian has; nothing of ours is in it but a name."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, with an inventory and an app as the README has them, and a home of its own beside it."""
    copy = tmp_path_factory.mktemp("reader") / "slipway"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (os.path.lexists(ROOT / name)):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    for name, text in PAIRS.items():
        (copy / name).write_text(text)
    for name, text in BESIDE.items():
        path = copy.parent / "shop-deploy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (copy.parent / "home").mkdir()
    return copy


def type_in(checkout: Path, command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    home = str(checkout.parent / "home")
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=cwd or checkout, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env={"PATH": TOOLS, "HOME": home, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"},
    )  # fmt: skip


@pytest.fixture
def typed(checkout: Path) -> Callable[..., str]:
    """Return a function that types a command in the checkout and returns what it says; it must end well."""

    def inner(command: str, cwd: Path | None = None) -> str:
        done = type_in(checkout, command, cwd)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return inner


def test_every_command_is_of_a_kind() -> None:
    assert sorted([*PLAYBOOKS, *GALAXY, *BIN, *HERE, *ON_HOSTS]) == ALL
    assert len(PLAYBOOKS) > 10
    assert len(GALAXY) > 1


def alike() -> list[str]:
    """Return the commands for playbooks; those that differ in their variables alone are one, with the variables of all."""
    found: dict[tuple[str, ...], list[str]] = {}
    for command in PLAYBOOKS:
        words = shlex.split(command.partition(" || ")[0])
        words = words if words[0] == "ansible-playbook" else ["ansible-playbook", *words]
        given = {place for place, word in enumerate(words) if word == "-e" or words[place - 1] == "-e"}
        rest = tuple(word for place, word in enumerate(words) if place not in given)
        found.setdefault(rest, []).extend(word for place, word in enumerate(words) if place in given)
    return sorted(shlex.join([*rest, *given]) for rest, given in found.items())


Listed = dict[str, list[set[str]]]
"""The tags of each task, by playbook."""


@pytest.fixture(scope="module")
def listed(checkout: Path) -> Listed:
    """All playbooks that are named without an inventory, read in one run, with the variables of all; {} if it has failed."""
    commands = [shlex.split(command)[1:] for command in alike()]
    given = [
        word for words in commands for pair in zip(words, words[1:], strict=False) if pair[0] == "-e" for word in pair
    ]
    names = sorted({words[0] for words in commands if words[0] != "-i"})

    done = type_in(checkout, shlex.join(["ansible-playbook", *names, *given, "--list-tasks"]))
    _, *parts = re.split(r"^playbook: .*\n", done.stdout, flags=re.MULTILINE)
    if done.returncode or len(parts) != len(names):
        return {}
    tasks = [re.findall(r"^      .+\tTAGS: \[(.*)\]$", part, re.MULTILINE) for part in parts]
    return {name: [set(re.split(", ", tags)) for tags in found] for name, found in zip(names, tasks, strict=True)}


@pytest.mark.parametrize("command", alike())
def test_a_playbook_is_there_and_has_something_to_do(typed: Callable[..., str], listed: Listed, command: str) -> None:
    _, name, *words = shlex.split(command)
    if name not in listed:  # or it is what has failed, and says why
        assert "TAGS:" in typed(f"{command} --list-tasks")
        return
    cli = PlaybookCLI(["ansible-playbook", name, *words])
    cli.init_parser()
    tags = set(",".join(cli.post_process_args(cli.parser.parse_args([name, *words])).tags).split(","))
    assert [task for task in listed[name] if tags & {"all", *task}]


def test_the_collection_is_built_and_installed_where_the_reader_stands(
    typed: Callable[..., str], checkout: Path
) -> None:
    order = [command for name, command in documented() if name == "README.md" and command in GALAXY]
    for command in order:
        said = typed(command)
        assert "Nothing to do" not in said
    roles = typed("ansible-doc -t role --list slipway.flask", cwd=checkout.parent)
    assert "slipway.flask.nginx_tls" in roles


STEPS = ("scan", "plan", "comment", "deploy", "promote", "smoke", "rollback", "release", "preview")
"""What bin/ci takes."""


@pytest.mark.parametrize("command", BIN)
def test_what_is_in_bin_takes_these_words(typed: Callable[..., str], command: str) -> None:
    program, *words = shlex.split(command)
    assert os.access(ROOT / program, os.X_OK)
    if program in ("bin/lint", "bin/lib/role-tables", "bin/docs"):  # shell scripts, which every change goes through
        assert words in ([], ["--fix"], ["serve"])
        return
    if program == "bin/pipeline":
        assert words[:1] in (["github"], ["gitlab"], ["forgejo"])  # tests/unit/test_pipeline.py runs them
        return
    if program == "bin/release":
        assert words[:1] in (["cut"], ["notes"], ["check"])  # tests/unit/test_release.py runs them
        return
    if program == "bin/ci":
        assert words[:1] in ([], *([step] for step in STEPS))  # tests/slow/test_pipeline.py runs them
        return
    if program == "bin/lib/cgroup2":  # which every test on a host goes through
        assert words[:1] in ([], ["podman"], [".venv/bin/ansible-playbook"], [".venv/bin/python"])
        return
    scripts = {"bin/demo": "demo.py", "bin/describe": "describe_app.py", "bin/test": "run_tests.py",
               "bin/lib/vps.py": "vps.py",
               "bin/new-project": "new_project.py", "bin/first-login": "first_login.py", "bin/record": "record.py"}  # fmt: skip
    script = f"bin/lib/{scripts[program]}" if program in scripts else f"bench/{words.pop(0)}.py"
    typed(shlex.join([sys.executable, str(ROOT / script), *words, "--help"]))


@pytest.mark.parametrize("command", HERE)
def test_what_makes_a_secret_works(typed: Callable[..., str], command: str) -> None:
    if command.startswith("python3 -m venv"):
        assert "pip install -r requirements.txt" in command
        typed("python3 -m venv --help")  # what it installs is test_requirements.py's
        return
    assert len(typed(command if command.startswith("python3") else f"{command} -stdin <<< 'a password'").strip()) > 20


@pytest.mark.parametrize("command", ON_HOSTS)
def test_what_is_typed_on_a_host_is_run_on_one(command: str) -> None:
    if command.startswith(PLAIN):
        return
    tests = [*ROOT.glob("tests/slow/*.py"), *ROOT.glob("molecule/*/tests/*.py"), *ROOT.glob("molecule/*/*.yml")]
    assert command in NEEDLES, f"add `{command}` to NEEDLES, with what a test on a host runs of it"
    assert any(NEEDLES[command] in path.read_text(encoding="utf-8") for path in tests), NEEDLES[command]
