# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`--write`: what Ansible reads is there, secrets are fresh and sealed, and nothing is overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from described import HELLO, lay

ROOT = Path(__file__).resolve().parents[3]
KEY = HELLO + 'import os\napp.secret_key = os.environ["SECRET_KEY"]\nMAIL = os.environ["MAIL_PASSWORD"]\n'


def describe(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "bin/lib/describe_app.py"), "shop", "--write", "deploy", *words]
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    lay(tmp_path / "shop", {"app.py": KEY})
    done = describe(tmp_path, "--domain", "shop.example.com", "--host", "203.0.113.9")
    assert done.returncode == 0, done.stderr
    assert "ansible-playbook -i deploy/hosts.yml --vault-password-file deploy/vault-password site.yml" in done.stdout
    assert "# - 1 to fill in: vault_shop_mail_password. Preflight refuses it by name." in done.stdout
    return tmp_path


def test_ansible_reads_it_and_the_secret_is_fresh(written: Path) -> None:
    tool = str(Path(sys.executable).parent / "ansible-inventory")
    command = [tool, "-i", "deploy/hosts.yml", "--vault-password-file", "deploy/vault-password", "--list"]
    done = subprocess.run(
        command, cwd=written, text=True, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    (host,) = json.loads(done.stdout)["_meta"]["hostvars"].values()
    assert host["ansible_host"] == "203.0.113.9"
    assert host["slipway_apps"][0]["source"] == {"path": "../shop"}
    assert len(host["vault_shop_secret_key"]) == 64
    assert host["vault_shop_mail_password"] == "TODO"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (["--host", "debian@2001:db8::9"], {"ansible_host": "2001:db8::9", "ansible_user": "debian"}),
        ([], {"ansible_host": "TODO: the address of your VPS", "ansible_user": "root"}),
    ],
)
def test_a_host_is_reached_as_its_user(tmp_path: Path, host: list[str], expected: dict[str, str]) -> None:
    lay(tmp_path / "shop", {"app.py": KEY})
    done = describe(tmp_path, *host)
    assert (done.returncode, "Put your VPS's address into" in done.stdout) == (0, not host), done.stderr
    (hosts,) = yaml.safe_load((tmp_path / "deploy/hosts.yml").read_text()).values()
    assert hosts["hosts"] == {"vps1": expected}


def test_an_address_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    lay(tmp_path / "shop", {"app.py": KEY})
    done = describe(tmp_path, "--host", "203.0.113.300")
    assert done.returncode == 2
    assert "'203.0.113.300' is not an IP address or host name, as in 203.0.113.10" in done.stderr
    assert not (tmp_path / "deploy").exists()


def test_secrets_are_sealed_and_only_their_owner_reads_the_password(written: Path) -> None:
    vault, password = written / "deploy/group_vars/all/vault.yml", written / "deploy/vault-password"
    assert vault.read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    assert [path.stat().st_mode & 0o777 for path in (vault, password)] == [0o600, 0o600]
    assert "/vault-password" in (written / "deploy/.gitignore").read_text()
    assert password.read_text().strip() not in (written / "deploy/group_vars/all/main.yml").read_text()


def test_nothing_is_overwritten_and_nothing_is_half_written(written: Path) -> None:
    before = {path: path.read_bytes() for path in (written / "deploy").rglob("*") if path.is_file()}
    again = describe(written)
    assert again.returncode == 1
    assert "already, and nothing is overwritten" in again.stderr
    assert "Written into" not in again.stdout
    assert before == {path: path.read_bytes() for path in (written / "deploy").rglob("*") if path.is_file()}
    for path in before:
        if path.name != "hosts.yml":
            path.unlink()
    assert describe(written).returncode == 1
    assert [path.name for path in (written / "deploy").rglob("*") if path.is_file()] == ["hosts.yml"]


def test_what_is_left_to_do_comes_before_the_command(tmp_path: Path) -> None:
    lay(tmp_path / "shop", {"app.py": KEY})
    steps = describe(tmp_path).stdout.partition("Next:\n")[2]
    assert steps.splitlines()[0] == "  Fill in domains in deploy/group_vars/all/main.yml."
    assert "Put your VPS's address into deploy/hosts.yml." in steps
    assert "ansible-vault edit" in steps
