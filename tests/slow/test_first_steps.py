# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A newcomer's first quarter of an hour: a VPS that has only root's password, an app in a folder, and docs/tutorial.md.

Nothing but what the tutorial tells is typed; the tests run in the file's order on one host.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from helpers import DISK, PLAY_SECONDS, ROOT, TOOLS, Host, Play, Visitor
from terminal import Terminal

pytestmark = pytest.mark.once("13")

DOMAIN = "notes.test"
FIRST, CHOSEN = "n2X-from-the-mail", "Wq7-harbour-lamp-4"
PROVIDER = f"""
rm -f /root/.ssh/authorized_keys
printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\n' >/etc/ssh/sshd_config.d/50-cloud-init.conf
echo 'root:{FIRST}' | chpasswd
chage -d 0 root
systemctl restart ssh.service
"""
"""Root's password came by mail and has to be changed at the first login, as several providers want it."""


@dataclass(frozen=True)
class Newcomer:
    """A person with an app in a folder, a home without a key, and a VPS."""

    host: Host
    folder: Path
    sockets: str

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def known_hosts(self) -> str:
        return f"UserKnownHostsFile={self.home}/.ssh/known_hosts"

    def command(self, name: str, *words: str) -> list[str]:
        return [sys.executable, str(ROOT / f"bin/lib/{name}.py"), *words]

    def first_login(self) -> Terminal:
        command = self.command("first_login", "-o", self.known_hosts, f"root@{self.host.address}")
        return Terminal(command, cwd=self.folder, environment={"HOME": str(self.home), "SSH_AUTH_SOCK": ""})

    def play(self, *words: str) -> Play:
        """Run ansible-playbook in the project's folder; ssh finds the key and the known hosts of another home than ours."""
        settings = {
            **os.environ,
            "PATH": f"{TOOLS}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PRIVATE_KEY_FILE": f"{self.home}/.ssh/id_ed25519",
            "ANSIBLE_SSH_COMMON_ARGS": f"-o {self.known_hosts}",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self.sockets,
        }
        done = subprocess.run(
            ["ansible-playbook", *words], cwd=self.folder / "deploy", env=settings, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PLAY_SECONDS,
        )  # fmt: skip
        return Play(done.returncode, done.stdout)

    def good(self, *words: str) -> Play:
        done = self.play(*words)
        assert done.code == 0, done.output
        return done


@pytest.fixture(scope="module")
def newcomer(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(ROOT / "tests/slow/notes_app", folder / "notes")
    (folder / "home").mkdir()
    host.run(PROVIDER)
    sockets = tempfile.mkdtemp(prefix="slow-")
    yield Newcomer(host, folder, sockets)
    shutil.rmtree(sockets, ignore_errors=True)


def test_a_vps_that_has_only_a_password_gets_the_new_key_after_the_change_that_it_insists_on(
    newcomer: Newcomer,
) -> None:
    login = newcomer.first_login()
    login.expect("(empty for no passphrase): ")
    login.type("")
    login.expect("same passphrase again: ")
    login.type("")
    fingerprint = newcomer.host.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    login.expect(fingerprint)
    login.expect("(yes/no")
    login.type("yes")
    login.expect("password: ")
    login.type(FIRST)
    login.expect("New password: ")
    login.type(CHOSEN)
    login.expect("new password: ")
    login.type(CHOSEN)
    login.expect("the password is changed; log in once more")
    login.expect("password: ")
    login.type(CHOSEN)
    login.expect("your key logs in: no password is needed any more")
    assert login.end() == 0, login.text
    assert FIRST not in login.text and CHOSEN not in login.text

    again = newcomer.first_login()
    again.expect("your key was there already, and logs in")
    assert again.end() == 0, again.text
    assert newcomer.host.run("wc -l </root/.ssh/authorized_keys") == "1"


def test_the_project_that_flags_made_brings_the_app_to_https_with_its_database(newcomer: Newcomer) -> None:
    flags = ["--app", "notes", "--domain", DOMAIN, "--host", newcomer.host.address]
    made = subprocess.run(
        newcomer.command("new_project", "deploy", *flags), cwd=newcomer.folder, text=True, capture_output=True,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "first fill in" not in made.stdout
    # The disk is that of the machine the tests run on.
    (newcomer.folder / "deploy/group_vars/all/disk.yml").write_text(yaml.safe_dump({"slipway_disk": DISK}))
    done = newcomer.good("slipway.flask.site")
    assert f"https://{DOMAIN}/" in done.output
    visitor = Visitor(newcomer.host, DOMAIN)
    assert visitor.post("/", {"text": "It is live."}).status == 302
    page = visitor.get("/")
    assert (page.status, page.text.splitlines()[-1]) == (200, "It is live."), page.text
    assert page.text.startswith("PostgreSQL")


def test_the_second_run_changes_nothing(newcomer: Newcomer) -> None:
    again = newcomer.good("slipway.flask.site")
    assert (again.count("changed"), again.count("failed")) == (0, 0), again.output


def test_a_change_is_deployed_and_taken_back_from_the_same_folder(newcomer: Newcomer) -> None:
    code = newcomer.folder / "notes/app.py"
    code.write_text(code.read_text().replace('"\\n".join(', '"Second edition\\n" + "\\n".join('))
    newcomer.good("slipway.flask.deploy")
    assert Visitor(newcomer.host, DOMAIN).get("/").text.startswith("Second edition")
    newcomer.good("slipway.flask.rollback")
    page = Visitor(newcomer.host, DOMAIN).get("/").text
    assert page.startswith("PostgreSQL")
    assert page.splitlines()[-1] == "It is live."


def test_from_then_on_no_password_logs_in(newcomer: Newcomer) -> None:
    options = ["-F", "none", "-o", newcomer.known_hosts, "-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes"]
    done = subprocess.run(
        ["ssh", *options, f"root@{newcomer.host.address}", "true"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 255
    assert "Permission denied (publickey)." in done.stderr
