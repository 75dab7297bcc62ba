# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The very commands of docs/ci/github.yml, job by job, against a host for staging and one for production.

They run as on a runner: a home of their own, nothing on the PATH but Python and the system's programs, and of Slipway what
they fetch themselves. GitLab's commands are the same ones (tests/unit/test_pipeline.py).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
import yaml
from conftest import machine
from helpers import DISK, PLAY_SECONDS, ROOT, Host, Visitor, tiny_app
from stock import image

pytestmark = pytest.mark.once("13")
JOBS: dict[str, Any] = yaml.safe_load((ROOT / "docs/ci/github.yml").read_text())["jobs"]
SETTINGS = ("PIP_", "UV_", "SSL_", "REQUESTS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Variables by which a machine's packages are had; everything else of this process stays away."""
STAGING, PRODUCTION = "staging.example.com", "example.com"
TEST = 'from tiny import app\n\n\ndef test_index() -> None:\n    assert app.test_client().get("/").status_code == 200\n'


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Runner:
    """The machine on which jobs run, and the repository that they are about."""

    def __init__(self, folder: Path, hosts: dict[str, Host], address: str) -> None:
        self.folder, self.hosts, self.address = folder, hosts, address
        self.app, self.only_python = folder / "shop", folder / "bin"
        self.only_python.mkdir()
        (self.only_python / "python3").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
        # ssh's sockets are in the home, and their paths must be short.
        self.home = tempfile.mkdtemp(prefix="ci-")
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
        self.say("first")

    def say(self, text: str) -> None:
        """Push a commit whose page says TEXT."""
        (self.app / "tiny.py").write_text(tiny_app(repr(text)))
        (self.app / ".gitignore").write_text(".venv/\n__pycache__/\n.*_cache/\n")
        git(self.app, "add", "--all")
        git(self.app, "commit", "--quiet", "--message", text)

    def environment(self, temporary: str) -> dict[str, str]:
        event = self.folder / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 5}}))
        return {
            **{name: value for name, value in os.environ.items() if name.upper().startswith(SETTINGS)},
            "PATH": f"{self.only_python}:/usr/bin:/bin", "HOME": self.home, "RUNNER_TEMP": temporary, "TMPDIR": temporary,
            "SLIPWAY": str(ROOT), "SLIPWAY_VERSION": git(ROOT, "stash", "create") or git(ROOT, "rev-parse", "HEAD"),
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": "*",
            "GITHUB_EVENT_PATH": str(event), "GITHUB_API_URL": self.address, "GITHUB_REPOSITORY": "ann/shop",
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
        status, said, secrets = 0, "", self.secrets()
        with tempfile.TemporaryDirectory(prefix="runner-") as temporary:
            for step in JOBS[name]["steps"]:
                condition = str(step.get("if", "success()"))
                wanted = "always()" in condition or ("failure()" in condition) == bool(status)
                if "run" not in step or not wanted:
                    continue
                given = {
                    key: re.sub(r"\$\{\{ (.+?) \}\}", lambda found: secrets[found[1]], value)
                    for key, value in step.get("env", {}).items()
                }
                done = subprocess.run(
                    ["bash", "-e", "-c", self._here(step["run"], smoke)], cwd=self.app, text=True, check=False,
                    env={**self.environment(temporary), **given}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    timeout=PLAY_SECONDS,
                )  # fmt: skip
                said += f"--- {step['name']}\n{done.stdout}"
                status = status or done.returncode
            assert "PRIVATE KEY" not in said
            assert [path for path in Path(temporary).rglob("key") if path.is_file()] == [], "no secret is left"
        return status, said

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
    for text in ("second", "third"):
        runner.say(text)
        runner.good("plan")
    (comment,) = runner.comments  # type: ignore[attr-defined]
    assert "tiny on vps: what a deploy would do; nothing was changed" in comment
    assert git(runner.app, "rev-parse", "--short=7", "HEAD") in comment
    assert (runner.word("staging"), runner.word("production")) == ("first", "first")


def test_production_gets_what_staging_has_and_goes_back_when_the_smoke_test_fails(runner: Runner) -> None:
    runner.good("staging")
    runner.say("a later one, which was never on staging")
    status, said = runner.run("production", smoke=False)
    assert status != 0
    assert "Go back, because the smoke test failed" in said, said
    assert runner.word("production") == "first", said
    runner.good("production")
    assert runner.word("production") == "third", "the very revision of staging"


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
    before = runner.word("staging")
    status, output = runner.run("staging")
    assert (status != 0, said in output) == (True, True), output
    assert runner.word("staging") == before
