# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The very commands of docs/ci/github.yml, job by job, against a host for staging and one for production.

They run as on a runner: a home of their own, nothing on the PATH but Python and the system's programs, and of Slipway what
they fetch themselves. GitLab's commands are the same ones (tests/unit/test_pipeline.py).
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._access import people
from conftest import machine
from helpers import DISK, PLAY_SECONDS, ROOT, Host, Project, Visitor, tiny_app
from stock import image

pytestmark = pytest.mark.once("13")
JOBS: dict[str, Any] = yaml.safe_load((ROOT / "docs/ci/github.yml").read_text())["jobs"]
SETTINGS = ("PIP_", "UV_", "SSL_", "REQUESTS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Variables by which a machine's packages are had; everything else of this process stays away."""
STAGING, PRODUCTION, KEYED = "staging.example.com", "example.com", "keyed.example.com"
TEST = 'from tiny import app\n\n\ndef test_index() -> None:\n    assert app.test_client().get("/").status_code == 200\n'


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Runner:
    """The machine on which jobs run, and the repository that they are about."""

    def __init__(self, folder: Path, hosts: dict[str, Host], address: str) -> None:
        self.folder, self.hosts, self.address = folder, hosts, address
        # What is not committed yet counts as well.
        self.version = git(ROOT, "stash", "create") or git(ROOT, "rev-parse", "HEAD")
        self.got = ""
        """How Slipway was fetched."""
        self.app, self.only_python = folder / "shop", folder / "bin"
        self.only_python.mkdir()
        (self.only_python / "python3").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
        # ssh's sockets are in the home, and their paths must be short.
        self.home = tempfile.mkdtemp(prefix="ci-")
        # One machine for all of the jobs: what the first has fetched and installed is there for the next.
        self.temporary = tempfile.mkdtemp(prefix="runner-")
        (self.app / "tests").mkdir(parents=True)
        (self.app / "requirements.txt").write_text("flask==3.1.3\n")
        (self.app / "tests/test_tiny.py").write_text(TEST)
        (self.app / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
        for stage, domain in (("staging", STAGING), ("production", PRODUCTION)):
            place, host = self.app / "deploy" / stage, hosts[stage]
            (place / "group_vars/all").mkdir(parents=True)
            reached = {"ansible_host": host.address, "ansible_user": "root"}
            (place / "hosts.yml").write_text(yaml.safe_dump({"web": {"hosts": {"vps": reached}}}))
            entry = {
                "name": "tiny", "domains": [domain], "source": {"path": "../.."}, "wsgi": "tiny:app",
                "database": "none", "secret_key_variable": "", "health_path": "/", "workers": 1,
            }  # fmt: skip
            told = {"slipway_apps": [entry], "slipway_baseline": False, "slipway_disk": DISK}
            (place / "group_vars/all/main.yml").write_text(yaml.safe_dump(told))
        git(self.app, "init", "--quiet", "--initial-branch=main")
        self.commit = ""
        """What the run is about."""
        self.say("first")

    def say(self, text: str) -> None:
        """Push a commit whose page says TEXT."""
        (self.app / "tiny.py").write_text(tiny_app(repr(text)).replace("import os\n\n", ""))  # ruff looks at it
        (self.app / ".gitignore").write_text(".venv/\n__pycache__/\n.*_cache/\n")
        git(self.app, "add", "--all")
        git(self.app, "commit", "--quiet", "--message", text)

    def environment(self) -> dict[str, str]:
        event = self.folder / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 5}}))
        return {
            **{name: value for name, value in os.environ.items() if name.upper().startswith(SETTINGS)},
            "PATH": f"{self.only_python}:/usr/bin:/bin", "HOME": self.home, "RUNNER_TEMP": self.temporary, "TMPDIR": self.temporary,
            "SLIPWAY": str(ROOT), "SLIPWAY_VERSION": self.version,
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": "*",
            "GITHUB_EVENT_PATH": str(event), "GITHUB_API_URL": self.address, "GITHUB_REPOSITORY": "ann/shop",
            "GITHUB_SHA": self.commit,
            "SLIPWAY_PLAIN_HTTP": "true", "SLIPWAY_AUDIT_URL": self.address,
        }  # fmt: skip

    def secrets(self) -> dict[str, str]:
        facts = [host.facts for host in self.hosts.values()]
        known = "\n".join(Path(one["known_hosts"]).read_text() for one in facts)
        return {
            "secrets.SLIPWAY_SSH_KEY": Path(facts[0]["key"]).read_text(), "secrets.SLIPWAY_KNOWN_HOSTS": known,
            "secrets.SLIPWAY_VAULT_PASSWORD": "", "github.token": "t0ken",
        }  # fmt: skip

    def run(self, name: str, smoke: bool = True) -> tuple[int, str]:
        """Run the steps of a job; return its status and what they printed. The smoke test is what a user puts there."""
        if name != "production":  # which is of the same run as staging, however late somebody approves it
            self.commit = git(self.app, "rev-parse", "HEAD")
        status, said, secrets, outcomes = 0, "", self.secrets(), dict[str, int]()
        for step in JOBS[name]["steps"]:
            condition = str(step.get("if", "success()"))
            wanted = "always()" in condition or ("failure()" in condition) == bool(status)
            if asked := re.search(r"steps\.(\w+)\.outcome == 'success'", condition):
                wanted = wanted and outcomes.get(asked[1]) == 0
            if "run" not in step or not wanted or self.is_there(step):
                continue
            given = {
                key: re.sub(r"\$\{\{ (.+?) \}\}", lambda found: secrets[found[1]], value)
                for key, value in step.get("env", {}).items()
            }
            done = subprocess.run(
                ["bash", "-e", "-c", self._here(step["run"], smoke)], cwd=self.app, text=True, check=False,
                env={**self.environment(), **given}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=PLAY_SECONDS,
            )  # fmt: skip
            said += f"--- {step['name']}\n{done.stdout}"
            status = status or done.returncode
            outcomes[str(step.get("id"))] = done.returncode
        assert "PRIVATE KEY" not in said
        assert [path for path in Path(self.temporary).glob("tmp.*/key") if path.is_file()] == [], "no secret is left"
        return status, said

    def is_there(self, step: dict[str, Any]) -> bool:
        """Tell whether this is how a job gets Slipway, and another one has done the same: each of them is half a minute here."""
        if step["name"] != "Get Slipway":
            return False
        self.got, before = step["run"], self.got
        assert before in ("", self.got), "all jobs get it in the same way"
        return before != ""

    def _here(self, command: str, smoke: bool) -> str:
        """Return a COMMAND whose domains lead to the test hosts."""
        for stage, domain in (("staging", STAGING), ("production", PRODUCTION)):
            way = f"--insecure --resolve {domain}:443:{self.hosts[stage].address} https://{domain}/"
            command = command.replace(f" https://{domain}/", f" {way}{'' if smoke else 'no-such-page'}")
        return command

    def good(self, name: str) -> str:
        status, said = self.run(name)
        assert status == 0, said
        return said

    def word(self, stage: str) -> str:
        return Visitor(self.hosts[stage], STAGING if stage == "staging" else PRODUCTION).get("/").text


@pytest.fixture(scope="module")
def runner(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with machine("pipeline-production", host.debian, made_of=image(host.debian)) as production, forge.serving() as (
        address, comments,
    ):  # fmt: skip
        made = Runner(tmp_path_factory.mktemp("runner"), {"staging": host, "production": production}, address)
        made.comments = comments  # type: ignore[attr-defined]
        yield made
        for place in (made.home, made.temporary):
            shutil.rmtree(place, ignore_errors=True)


def test_the_app_is_linted_tested_and_scanned_without_any_secret(runner: Runner) -> None:
    assert "secrets." not in json.dumps(JOBS["test"])
    said = runner.good("test")
    assert "1 passed" in said
    assert "No known vulnerabilities that count in" in said


def test_a_push_goes_to_staging_and_what_runs_there_to_production(runner: Runner) -> None:
    runner.good("staging")
    assert runner.word("staging") == "first"
    said = runner.good("production")
    assert runner.word("production") == "first", said


def test_a_pull_request_gets_the_plan_as_one_comment_and_nothing_changes(runner: Runner) -> None:
    runner.say("second")
    runner.good("plan")  # that there is one comment after many pushes as well: tests/unit/test_pipeline_steps.py
    (comment,) = runner.comments  # type: ignore[attr-defined]
    assert "tiny on vps: what a deploy would do; nothing was changed" in comment
    assert git(runner.app, "rev-parse", "--short=7", "HEAD") in comment
    assert (runner.word("staging"), runner.word("production")) == ("first", "first")


def test_production_gets_what_staging_has_and_goes_back_when_the_smoke_test_fails(runner: Runner) -> None:
    runner.good("staging")
    staged = git(runner.app, "rev-parse", "--short=7", "HEAD")
    runner.say("a later one, which was never on staging")
    status, said = runner.run("production", smoke=False)
    assert status != 0
    tried, went_back, _ = said.partition("--- Go back, because the smoke test failed")
    assert went_back, said
    assert f"-{staged}" in tried and git(runner.app, "rev-parse", "--short=7", "HEAD") not in tried, said
    assert runner.word("production") == "first", said


@pytest.mark.parametrize(
    ("secret", "value", "said"),
    [
        ("SLIPWAY_SSH_KEY", "", "SLIPWAY_SSH_KEY is empty"),
        ("SLIPWAY_SSH_KEY", "ssh-ed25519 AAAA", "SLIPWAY_SSH_KEY is not a private key"),
        ("SLIPWAY_KNOWN_HOSTS", "another key", "Host key verification failed"),
    ],
)
def test_a_wrong_secret_is_told_and_changes_nothing(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, secret: str, value: str, said: str
) -> None:
    right = runner.secrets()
    wrong = right["secrets.SLIPWAY_KNOWN_HOSTS"].replace("AAAA", "AAAB") if value == "another key" else value
    monkeypatch.setattr(runner, "secrets", lambda: {**right, f"secrets.{secret}": wrong})
    # Another machine: this one has a connection open, which needs no key.
    monkeypatch.setattr(runner, "home", tempfile.mkdtemp(prefix="ci-"))
    before = runner.word("staging")
    status, output = runner.run("staging")
    assert (status != 0, said in output) == (True, True), output
    assert runner.word("staging") == before


# ---- a key that can deploy and nothing else -----------------------------------------------------------------------------

FORCED = 'restrict,command="sudo -n /usr/local/sbin/slipway-deploy \\"$SSH_ORIGINAL_COMMAND\\""'


class Narrow:
    """A person of the host with a key that may only deploy the app `keyed`, whose repository is on the host."""

    def __init__(self, folder: Path, host: Host, other: dict[str, Any]) -> None:
        self.folder, self.project, self.host = folder / "keyed", Project(folder, host), host
        self.other = other
        """The app that is on the host as well."""
        self.key = folder / "id"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.folder.mkdir()
        git(self.folder, "init", "--quiet", "--initial-branch=main")
        self.first = self.commit("first")
        self.describe(deployers=["ci"])

    def commit(self, text: str) -> str:
        """Commit a page that says TEXT, bring the repository to the host, and return the commit."""
        (self.folder / "tiny.py").write_text(tiny_app(repr(text)))
        (self.folder / "requirements.txt").write_text("flask==3.1.3\n")
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message", text)
        self.push()
        return git(self.folder, "rev-parse", "HEAD")

    def push(self) -> None:
        bare = self.folder.with_name("keyed.git")
        shutil.rmtree(bare, ignore_errors=True)
        git(self.folder, "clone", "--quiet", "--bare", "--no-hardlinks", str(self.folder), str(bare))
        self.host.run("rm -rf /srv/keyed.git && mkdir /srv/keyed.git")
        pack = subprocess.run(["tar", "-C", bare, "-cz", "."], check=True, capture_output=True).stdout
        self.host.run(f"echo {base64.b64encode(pack).decode()} | base64 -d | tar -xzC /srv/keyed.git --no-same-owner")

    def describe(self, **changes: Any) -> None:
        entry = {
            "name": "keyed", "domains": [KEYED], "source": {"git": "/srv/keyed.git", "version": "main"}, "wsgi": "tiny:app",
            "database": "none", "secrets": {"SECRET_KEY": "0e9d8f7a6b5c4d3e2f1a0b9c8d7e6f5a"}, "workers": 1, **changes,
        }  # fmt: skip
        self.project.write({"slipway_apps": [self.other, entry]})

    def ssh(self, line: str, *options: str) -> subprocess.CompletedProcess[str]:
        known = f"UserKnownHostsFile={self.host.facts['known_hosts']}"
        command = ["ssh", "-F", "none", "-i", str(self.key), "-o", "BatchMode=yes", "-o", known, *options]
        return subprocess.run(
            [*command, f"ci@{self.host.address}", line], capture_output=True, text=True, check=False, timeout=PLAY_SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def word(self) -> str:
        return Visitor(self.host, KEYED).get("/").text


@pytest.fixture(scope="module")
def narrow(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Narrow:
    (other,) = yaml.safe_load((runner.app / "deploy/production/group_vars/all/main.yml").read_text())["slipway_apps"]
    other["source"] = {"path": str(runner.app)}
    made = Narrow(tmp_path_factory.mktemp("narrow"), runner.hosts["production"], other)
    line = f"{FORCED} {made.key.with_suffix('.pub').read_text().strip()}"
    assert (
        people.problems([{"name": "ci", "keys": [line]}]) == []
    )  # slipway_people takes it; here it is written by hand
    made.host.run(
        "id ci >/dev/null 2>&1 || useradd --create-home --shell /bin/bash ci; install -d -m 700 -o ci /home/ci/.ssh; "
        f"echo {base64.b64encode(line.encode()).decode()} | base64 -d >/home/ci/.ssh/authorized_keys"
    )
    made.project.good("site.yml")
    return made


def test_a_narrow_key_deploys_a_commit_of_the_branch(narrow: Narrow) -> None:
    assert narrow.word() == "first"
    second = narrow.commit("second")
    secrets = {
        "SLIPWAY_SSH_KEY": narrow.key.read_text(),
        "SLIPWAY_KNOWN_HOSTS": Path(narrow.host.facts["known_hosts"]).read_text(),
    }
    done = subprocess.run(
        [ROOT / "bin/ci", "release", f"ci@{narrow.host.address}", "keyed", second], text=True, capture_output=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(narrow.folder), **secrets}, timeout=PLAY_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(rf"keyed: release [0-9]{{4}}-{second[:7]} is live now\n(.*\n)*", done.stdout), done.stdout
    assert narrow.word() == "second"
    again = narrow.ssh(f"deploy keyed {second}")
    assert (again.returncode, "is already live" in again.stdout) == (0, True), again.stdout + again.stderr
    assert json.loads(narrow.host.run("tail -n1 /srv/keyed/history.jsonl"))["by"] == "ci (deploy key)"
    narrow.commit("third")
    narrow.project.good("playbooks/deploy.yml", "-e", "app=keyed")  # Ansible goes on as before
    assert narrow.word() == "third"


def test_whoever_has_the_narrow_key_can_do_nothing_else(narrow: Narrow) -> None:
    host, served = narrow.host, narrow.word()
    before = host.run("sha256sum /etc/passwd /etc/sudoers.d/* /etc/keyed/deploy.json /usr/local/sbin/slipway-deploy")
    for line in (
        "", "id", "bash -i", "sh -c id", "cat /etc/keyed/environment", "deploy", "deploy keyed main", "deploy tiny " + "a" * 40,
        f"deploy keyed {narrow.first}; id", f"deploy keyed {narrow.first} && id", f"deploy keyed $(id >/tmp/owned){narrow.first}",
        f"deploy ../keyed {narrow.first}", f"deploy keyed {narrow.first}\nid", f'deploy keyed {narrow.first}" ; id ; "',
        f"`id >/tmp/owned` {narrow.first}", "deploy keyed " + "0" * 40, f"--help {narrow.first}", "internal-sftp",
    ):  # fmt: skip
        done = narrow.ssh(line)
        assert done.returncode != 0, (line, done.stdout)
        assert "uid=" not in done.stdout + done.stderr, line
        assert "SECRET_KEY" not in done.stdout + done.stderr, line
    assert not host.ok("test -e /tmp/owned")
    forward = narrow.ssh("id", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22", "-tt")
    assert forward.returncode != 0 and "uid=" not in forward.stdout
    copied = subprocess.run(
        ["sftp", "-F", "none", "-i", narrow.key, "-o", "BatchMode=yes", "-o",
         f"UserKnownHostsFile={host.facts['known_hosts']}", f"ci@{host.address}:/etc/passwd", str(narrow.key.with_name("x"))],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert copied.returncode != 0 and not narrow.key.with_name("x").exists()
    git(narrow.folder, "checkout", "--quiet", "-b", "mine", narrow.first)
    evil = narrow.commit("a page of my own")
    git(narrow.folder, "checkout", "--quiet", "main")
    narrow.push()
    refused = narrow.ssh(f"deploy keyed {evil}")
    assert refused.returncode != 0
    assert f"commit {evil[:7]} is not part of 'main', and no other may be deployed" in refused.stdout, refused.stdout
    assert narrow.word() == served
    after = host.run("sha256sum /etc/passwd /etc/sudoers.d/* /etc/keyed/deploy.json /usr/local/sbin/slipway-deploy")
    assert after == before
    # What is left to them on the host, were the forced command not there:
    for script in (
        "sudo -n id",
        "sudo -n /usr/local/sbin/slipway-deploy deploy tiny " + "a" * 40,
        "cat /etc/keyed/deploy.json",
    ):
        assert not host.ok(f"runuser -u ci -- {script}"), script
    assert host.run("stat -c '%a %U' /etc/keyed/deploy.json /usr/local/sbin/slipway-deploy") == "600 root\n755 root"


def test_a_deployer_who_is_taken_off_the_list_deploys_no_more(narrow: Narrow) -> None:
    narrow.describe()
    narrow.project.good("playbooks/deploy.yml", "-e", "app=keyed")
    done = narrow.ssh(f"deploy keyed {narrow.first}")
    assert done.returncode != 0 and "live" not in done.stdout, done.stdout
    assert not narrow.host.ok("ls /etc/keyed/deploy.json /etc/sudoers.d/slipway-deploy-keyed")
