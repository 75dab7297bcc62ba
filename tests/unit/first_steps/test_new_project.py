# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`bin/new-project`: what a newcomer is asked, what is refused before anything is written, and that Ansible takes the result."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from described import HELLO, lay
from project import answers, cli, slipway
from terminal import Terminal
from warm_ansible import Ansible

ROOT = Path(__file__).resolve().parents[3]
TOOLS = Path(sys.executable).parent
SCRIPT = str(ROOT / "bin/lib/new_project.py")
SHOP = HELLO + (
    'import os\napp.secret_key = os.environ["SECRET_KEY"]\n'
    'from flask_sqlalchemy import SQLAlchemy\nfrom flask_migrate import Migrate\n'
    'app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]\ndb = SQLAlchemy(app)\nMigrate(app, db)\n'
)  # fmt: skip
FLAGS = ("--app", "shop", "--domain", "shop.example.com", "--host", "debian@203.0.113.9", "--mail", "ann@example.com")
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}


def project(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *words], cwd=folder, text=True, capture_output=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def ansible(tool: str, folder: Path, *words: str) -> str:
    """Return what a tool of Ansible's says in FOLDER, which must have all that it needs."""
    done = subprocess.run(
        [TOOLS / tool, *words], cwd=folder, text=True, capture_output=True, check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an app, and beside it the project that flags alone made."""
    folder = tmp_path_factory.mktemp("newcomer")
    lay(folder / "shop", {"shop.py": SHOP, "migrations/env.py": ""})
    done = project(folder, "deploy", *FLAGS)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stdout)
    return folder


def test_ansible_reads_the_project_in_its_folder_and_preflight_takes_the_app(made: Path) -> None:
    (host,) = json.loads(ansible("ansible-inventory", made / "deploy", "--list"))["_meta"]["hostvars"].values()
    assert (host["ansible_host"], host["ansible_user"]) == ("203.0.113.9", "debian")
    (app,) = host["slipway_apps"]
    assert (app["domains"], app["certificate"], app["source"]) == (["shop.example.com"], "acme", {"path": "../shop"})
    assert app["wsgi"] == "shop:app"
    assert host["nginx_tls_acme_email"] == "ann@example.com"
    assert len(host["vault_shop_secret_key"]) == 64
    assert len(host["vault_backup_passphrase"]) >= 20
    app["secrets"] = {"SECRET_KEY": host["vault_shop_secret_key"]}
    assert description.problems([app]) == []


@pytest.mark.parametrize("playbook", ["site", "deploy", "rollback", "status"])
def test_playbooks_are_found_from_the_folder_and_their_syntax_is_right(
    made: Path, ansible_playbook: Ansible, playbook: str
) -> None:
    done = ansible_playbook(f"slipway.flask.{playbook}", "--syntax-check", cwd=made / "deploy", env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_plan_gets_as_far_as_the_host(made: Path) -> None:
    """Variables, vault and preflight's look at the description are behind it when the (closed) port is tried."""
    words = ["-e", "ansible_host=127.0.0.1", "-e", "ansible_port=9", "slipway.flask.deploy", "--tags", "plan"]
    done = subprocess.run(
        [TOOLS / "ansible-playbook", *words], cwd=made / "deploy", text=True, capture_output=True, check=False,
        env=ENVIRONMENT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Connection refused" in done.stdout + done.stderr, done.stdout + done.stderr


def test_settings_are_those_of_the_clone_but_for_its_places(made: Path) -> None:
    def settings(folder: Path) -> dict[str, str]:
        text = ansible("ansible-config", folder, "dump", "--only-changed", "--format", "json")
        ours = {row["name"]: str(row["value"]) for row in json.loads(text) if "name" in row}
        return {name: value for name, value in ours.items() if name not in places}

    places = {"DEFAULT_HOST_LIST", "DEFAULT_VAULT_PASSWORD_FILE", "COLLECTIONS_PATHS", "CONFIG_FILE", "ANSIBLE_HOME"}
    assert settings(made / "deploy") == settings(ROOT)


def test_secrets_are_sealed_and_their_password_is_its_owner_s_and_outside_of_git(made: Path) -> None:
    folder = made / "deploy"
    password = folder / "vault-password"
    assert password.stat().st_mode & 0o777 == 0o600
    assert (folder / "group_vars/all/vault.yml").read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    for path in folder.rglob("*"):
        if path.is_file() and path != password:
            assert password.read_text().strip() not in path.read_text(), path
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    listed = subprocess.run(
        ["git", "-C", folder, "ls-files", "--others", "--exclude-standard"], check=True, capture_output=True, text=True
    ).stdout.split()
    shutil.rmtree(folder / ".git")
    assert "group_vars/all/vault.yml" in listed
    assert "vault-password" not in listed


def test_the_next_three_commands_are_said_with_their_places(made: Path) -> None:
    _, _, after = (made / "said").read_text().partition("\nNext:\n")
    first, second, third = after.splitlines()
    assert first.split()[0].endswith("bin/first-login")
    assert (made / first.split()[0]).resolve() == ROOT / "bin/first-login"
    assert first.split()[1] == "debian@203.0.113.9"
    assert second.startswith("  cd deploy && . ")
    assert (made / "deploy" / second.split()[-1]).resolve().parent == ROOT / ".venv/bin"
    assert third == "  ansible-playbook slipway.flask.site"


def test_nothing_is_overwritten(made: Path) -> None:
    before = {path: path.read_bytes() for path in (made / "deploy").rglob("*") if path.is_file()}
    again = project(made, "deploy", *FLAGS)
    assert again.returncode == 1
    assert "has a hosts.yml already, and nothing is overwritten" in again.stderr
    half = made / "half"
    half.mkdir()
    (half / "ansible.cfg").write_text("mine\n")
    refused = project(made, "half", *FLAGS)
    assert (refused.returncode, [path.name for path in half.iterdir()]) == (1, ["ansible.cfg"])
    assert "has ansible.cfg already, and nothing is overwritten" in refused.stderr
    assert before == {path: path.read_bytes() for path in (made / "deploy").rglob("*") if path.is_file()}


def test_five_questions_are_asked_and_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    lay(tmp_path / "shop", {"shop.py": SHOP, "migrations/env.py": ""})
    asked = Terminal([sys.executable, SCRIPT, "deploy"], cwd=tmp_path)
    asked.expect("Your app: ")
    asked.type("shpo")
    asked.expect("'shpo' is not a folder here")
    asked.expect("Your app: ")
    asked.type("shop")
    asked.expect("Its domain")
    asked.type("https://shop.example.com/")
    asked.expect("is not a valid domain")
    asked.expect("Its domain")
    asked.type("Shop.Example.com")
    asked.expect("Your VPS")
    asked.type("203.0.113.9")
    asked.expect("e-mail")
    asked.type("")
    asked.expect("Database")
    asked.type("mariadb")
    assert asked.end() == 0, asked.text
    text = (tmp_path / "deploy/group_vars/all/main.yml").read_text()
    (app,) = yaml.safe_load(text)["slipway_apps"]
    assert (app["domains"], app["database"]) == (["shop.example.com"], "mariadb")
    assert "nginx_tls_acme_email" not in text


def test_a_domain_that_no_authority_vouches_for_gets_no_question_about_letters_from_one(tmp_path: Path) -> None:
    lay(tmp_path / "shop", {"shop.py": SHOP})
    asked = Terminal([sys.executable, SCRIPT, "deploy", "--app", "shop", "--host", "203.0.113.9"], cwd=tmp_path)
    asked.expect("Its domain")
    asked.type("shop.test")
    asked.expect("Database")
    asked.type("")
    assert asked.end() == 0, asked.text
    assert "e-mail" not in asked.text
    assert "    # certificate: self_signed" in (tmp_path / "deploy/group_vars/all/main.yml").read_text()


def test_a_repository_that_can_not_be_read_here_leaves_a_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--app", f"file://{tmp_path}/nowhere.git", *FLAGS[2:]]
    assert main(monkeypatch, tmp_path, "deploy", *flags) == 1
    said = capsys.readouterr().err
    assert "git could not clone" in said
    assert said.endswith("Clone it yourself, and give the folder: --app ../shop\n")
    assert not (tmp_path / "deploy").exists()


def test_what_the_source_can_not_tell_is_named_before_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "shop", {"shop.py": SHOP + 'app.config["MAIL_SERVER"] = os.environ["MAIL_SERVER"]\n'})
    assert main(monkeypatch, tmp_path, "deploy", *FLAGS) == 0
    first = capsys.readouterr().out.partition("\nNext:\n")[2].splitlines()[0]
    assert first == "  # first fill in environment.MAIL_SERVER in deploy/group_vars/all/main.yml"


def test_without_a_terminal_the_flags_that_are_missing_are_named(tmp_path: Path) -> None:
    done = project(tmp_path, "deploy", "--domain", "shop.example.com")
    assert (done.returncode, (tmp_path / "deploy").exists()) == (1, False)
    assert done.stderr == "new-project: give --app, --host, or run this in a terminal, where it asks\n"


WRONG = [
    ("domain", "localhost", "is not a valid domain"),
    ("domain", "shop.example.com/blog", "it has a path or a scheme"),
    ("domain", "*.example.com", "start with the main domain"),
    ("host", "203.0.113.300", "is not an IP address or host name"),
    ("host", "https://203.0.113.9", "is not an IP address or host name"),
    ("host", "vps_1", "is not an IP address or host name"),
    ("host", "Root!@203.0.113.9", "is not a valid user name"),
    ("host", "-oProxyCommand=x", "is not an IP address or host name"),
    ("app", "../nowhere", "is not a folder here"),
    ("mail", "ann", "is not an e-mail address"),
    ("mail", "ann@example.com\nx: y", "is not an e-mail address"),
    ("database", "postgres", "must be one of local, mariadb, url, none"),
]


@pytest.mark.parametrize(("flag", "text", "said"), WRONG, ids=[f"{flag} {text!r}" for flag, text, _ in WRONG])
def test_an_answer_that_can_not_be_used_is_refused_before_anything_is_written(flag: str, text: str, said: str) -> None:
    (question,) = (one for one in answers.QUESTIONS if one.flag == flag)
    with pytest.raises(answers.AnswerError, match=said.replace("*", r"\*")):
        question.check(text)


def test_addresses_and_users_of_a_host() -> None:
    assert answers.host("203.0.113.9") == ("203.0.113.9", "root")
    assert answers.host("ubuntu@[2001:db8::1]") == ("2001:db8::1", "ubuntu")
    assert answers.host("VPS1.example.com") == ("vps1.example.com", "root")


def test_a_certificate_is_asked_of_an_authority_only_for_a_name_that_it_can_vouch_for() -> None:
    assert answers.is_public("shop.example.com")
    assert not answers.is_public("shop.test")
    assert not answers.is_public("harbour.localhost")


def main(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["new-project", *words])
    return cli.main()


def test_a_database_elsewhere_leaves_its_url_to_the_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                          capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    lay(tmp_path / "shop", {"shop.py": SHOP})
    assert main(monkeypatch, tmp_path, "deploy", *FLAGS, "--database", "url") == 0
    (app,) = yaml.safe_load((tmp_path / "deploy/group_vars/all/main.yml").read_text())["slipway_apps"]
    assert (app["database"], app["database_url"]) == ("url", "{{ vault_shop_database_url }}")
    assert "ansible-vault edit group_vars/all/vault.yml   # fill in vault_shop_database_url" in capsys.readouterr().out


def test_a_folder_inside_of_an_app_without_git_is_refused_since_its_password_would_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "shop", {"shop.py": SHOP})
    assert main(monkeypatch, tmp_path, "shop/deploy", *FLAGS) == 1
    assert "the vault's password would be sent to the VPS" in capsys.readouterr().err
    assert not (tmp_path / "shop/deploy").exists()
    subprocess.run(["git", "init", "--quiet", tmp_path / "shop"], check=True)
    assert main(monkeypatch, tmp_path, "shop/deploy", *FLAGS) == 0


def test_the_pipeline_is_written_where_it_finds_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "shop", {"shop.py": SHOP})
    subprocess.run(["git", "init", "--quiet", tmp_path / "shop"], check=True)
    assert main(monkeypatch, tmp_path, "beside", *FLAGS, "--ci", "github") == 1
    assert "name shop/deploy/production or shop/deploy/staging" in capfd.readouterr().err
    assert main(monkeypatch, tmp_path, "shop/deploy/production", *FLAGS, "--ci", "github") == 0, capfd.readouterr().err
    assert (tmp_path / "shop/.github/workflows/deploy.yml").is_file()
    (app,) = yaml.safe_load((tmp_path / "shop/deploy/production/group_vars/all/main.yml").read_text())["slipway_apps"]
    assert app["source"] == {"path": "../.."}


def test_a_wrong_name_is_refused_as_preflight_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "shop", {"shop.py": SHOP})
    assert main(monkeypatch, tmp_path, "deploy", *FLAGS, "--name", "redis") == 1
    assert "'name' is 'redis', which is taken by the system; choose another" in capsys.readouterr().err
    assert not (tmp_path / "deploy").exists()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repository with the collection of this checkout, committed or not."""
    folder = tmp_path_factory.mktemp("git") / "slipway"
    shutil.copytree(ROOT / "plugins", folder / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("roles", "playbooks", "meta"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("galaxy.yml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.com"]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder], check=True)
    subprocess.run(["git", "-C", folder, "add", "--all"], check=True)
    subprocess.run(["git", *identity, "-C", folder, "commit", "--quiet", "--message", "Slipway"], check=True)
    return folder


def test_a_project_that_uses_the_collection_needs_nothing_of_this_clone(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = subprocess.run(
        ["git", "-C", repository, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    monkeypatch.setattr(slipway, "version", lambda: commit)
    lay(tmp_path / "shop", {"shop.py": SHOP})
    assert main(monkeypatch, tmp_path, "deploy", *FLAGS, "--collection", str(repository)) == 0
    folder = tmp_path / "deploy"
    assert str(ROOT) not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert (folder / "requirements.txt").read_text() == (ROOT / "requirements.txt").read_text()
    commands = capsys.readouterr().out.splitlines()
    install = next(line for line in commands if "ansible-galaxy" in line).split()
    ansible(install[0], folder, *install[1:])
    found = json.loads(ansible("ansible-galaxy", folder, "collection", "list", "slipway.flask", "--format", "json"))
    assert list(found)[0] == str(folder / "collections/ansible_collections")
    ansible("ansible-playbook", folder, "slipway.flask.site", "--syntax-check")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://git.example.com/slipway.git", "git+https://git.example.com/slipway.git"),
        ("git@git.example.com:slipway/slipway.git", "git+ssh://git@git.example.com/slipway/slipway.git"),
        ("ssh://git@git.example.com:2222/slipway.git", "git+ssh://git@git.example.com:2222/slipway.git"),
        ("/srv/git/slipway.git", "git+file:///srv/git/slipway.git"),
    ],
)
def test_the_address_of_the_collection_is_one_that_ansible_galaxy_takes(url: str, name: str) -> None:
    (wanted,) = yaml.safe_load(slipway.requirements(url))["collections"]
    assert (wanted["name"], wanted["type"]) == (name, "git")
    assert wanted["version"]


def test_a_token_in_the_clone_s_address_is_not_written_down() -> None:
    assert slipway.origin("https://ann:t0ken@git.example.com/slipway.git") == "https://git.example.com/slipway.git"


def test_a_template_in_an_address_is_not_possible() -> None:
    for flag in ("domain", "host", "mail", "database"):
        (question,) = (one for one in answers.QUESTIONS if one.flag == flag)
        with pytest.raises(answers.AnswerError):
            question.check("{{ lookup('pipe', 'id') }}@x")
