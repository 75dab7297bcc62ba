# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Command lines: how they are split, what `$NAME` stands for, what they are called, and which secrets are refused in them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app import command
from ansible_collections.slipway.flask.plugins.module_utils._app.command import CommandError, label, shown, split
from ansible_collections.slipway.flask.plugins.plugin_utils._app import commands as app_commands

PASSWORD = "correct horse 'battery' $staple"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("flask say 'a b' \"c d\" e\\ f", ["flask", "say", "a b", "c d", "e f"]),
        ("flask say $WORD", ["flask", "say", "\0WORD\0"]),
        ('flask say "${WORD}s" x$A$B', ["flask", "say", "\0WORD\0s", "x\0A\0\0B\0"]),
        ("flask say '$WORD' \\$WORD \"\\$WORD\"", ["flask", "say", "$WORD", "$WORD", "$WORD"]),
        ("flask pay 5$ $5 $$ 100%", ["flask", "pay", "5$", "$5", "$$", "100%"]),
        ("python -c 'print(\"$(id) ${x:-y}\")'", ["python", "-c", 'print("$(id) ${x:-y}")']),
        ('say "it\'s $WORD"', ["say", "it's \0WORD\0"]),
        ("say 'a && b' \"c | d;\" e=f;g ';' \\; h>=1", ["say", "a && b", "c | d;", "e=f;g", ";", ";", "h>=1"]),
        ("fetch https://x/?a=1&b=2 a|b <name>", ["fetch", "https://x/?a=1&b=2", "a|b", "<name>"]),
    ],
)
def test_a_line_is_split_as_a_shell_splits_it_and_a_name_with_a_dollar_stays_a_name(
    line: str, words: list[str]
) -> None:
    assert split(line) == words


@pytest.mark.parametrize(
    "line", ["flask say $(cat /etc/passwd)", 'flask "${X:-y}"', "flask 'x", 'flask "x', "flask \0X\0"]
)
def test_what_only_a_shell_could_do_is_refused_and_not_shown(line: str) -> None:
    with pytest.raises(CommandError) as error:
        split(line)
    assert "passwd" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "sign"),
    [("a && b", "&&"), ("a || b", "||"), ("a | b", "|"), ("a; b", ";"), ("a ; b", ";"), ("a 'x';", ";"), ("a &", "&"),
     ("a > x", ">"), ("a >/passwd", ">"), ("a >>x", ">>"), ("a 2>&1", ">"), ("a &>x", ">"), ("a < x", "<")],
)  # fmt: skip
def test_what_a_shell_puts_between_commands_is_refused_by_its_sign(line: str, sign: str) -> None:
    with pytest.raises(
        CommandError, match=re.escape(f"holds '{sign}', which needs a shell, and commands run without one")
    ):
        split(line)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("flask db upgrade", "flask db upgrade"),
        ("flask create-admin --password $ADMIN_PASSWORD", "flask create-admin"),
        ("flask --app shop create-admin ann hunter2", "flask create-admin ann"),
        ("flask set-password swordfish", "flask set-password"),
        ("FLASK_DEBUG=0 flask seed", "flask seed"),
        ("python -m shop.tools load 5", "python -m shop.tools"),
        ("python -c 'print(1)' x", "python -c"),
        ("python scripts/load.py ports.json", "python scripts/load.py"),
        ("A=1", "the command"),
    ],
)
def test_a_command_is_called_by_its_program_and_subcommands(line: str, name: str) -> None:
    assert label(split(line)) == name


# ---- values by name ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app's own Python with a console script, a module and a script that tell what they were given and what `ps` sees."""
    folder = tmp_path_factory.mktemp("app")
    venv.create(folder / "venv", with_pip=False)
    tell = (
        "import json, sys\n"
        "seen = open('/proc/self/cmdline').read()\n"
        "print(json.dumps({'argv': sys.argv[1:], 'seen': seen, 'name': __name__, 'path': sys.path[0]}))\nsys.exit(3)\n"
    )
    script = folder / "venv/bin/shop"
    script.write_text(f"#!{folder}/venv/bin/python\n{tell}")
    script.chmod(0o755)
    (folder / "tell.py").write_text(tell)
    return folder


def run(folder: Path, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = command.argv(split(line))
    settings = {"PATH": f"{folder}/venv/bin:/usr/bin:/bin", "HOME": "/tmp", **variables}
    return subprocess.run(
        ["/usr/bin/env", *argv], cwd=folder, env=settings, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="looks into /proc")
@pytest.mark.parametrize(
    ("line", "path"),
    [("shop -p $PASSWORD", "venv/bin"), ("python -m tell -p $PASSWORD", ""), ("python tell.py -p ${PASSWORD}", "")],
)
def test_a_value_by_name_reaches_a_python_program_and_not_the_process_list(
    environment: Path, line: str, path: str
) -> None:
    done = run(environment, line, PASSWORD=PASSWORD)
    told = json.loads(done.stdout)
    assert (done.returncode, told["argv"], told["name"]) == (3, ["-p", PASSWORD], "__main__")
    assert "horse" not in told["seen"]
    assert os.path.realpath(told["path"]) == os.path.realpath(environment / path)


def test_a_value_by_name_reaches_any_other_program_with_its_own_variables(environment: Path) -> None:
    done = run(environment, "GREETING=$PASSWORD sh -c 'printf %s \"$GREETING/$1\"' x $PASSWORD", PASSWORD=PASSWORD)
    assert (done.returncode, done.stdout) == (0, f"{PASSWORD}/{PASSWORD}")


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("shop $GONE", 1, "the command uses $GONE, which its environment does not have"),
        ("gone $HOME", 127, "gone: No such"),
    ],
)
def test_what_can_not_be_run_by_name_is_told(environment: Path, line: str, code: int, told: str) -> None:
    done = run(environment, line)
    assert (done.returncode, done.stderr.strip()[: len(told)]) == (code, told)


def test_a_command_without_a_name_in_it_runs_as_it_is() -> None:
    assert command.argv(split("flask db upgrade")) == ["flask", "db", "upgrade"]


def test_the_runner_needs_no_new_python() -> None:
    compile(command.RUNNER, "runner", "exec", flags=0, dont_inherit=True)
    assert 'f"' not in command.RUNNER and ":=" not in command.RUNNER


# ---- secrets in command lines ------------------------------------------------------------------------------------

SECRETS = {"ADMIN_PASSWORD": "Tr0ub4dor&3", "SHORT": "abc", "DATABASE_URL": "postgresql://shop:s3cr3t@db/shop"}
REFUSED = [
    "flask create-admin --password hunter2",
    "flask create-admin --password=hunter2",
    "flask create-admin --admin-password hunter2",
    "flask create-admin --Password 'hunter2 x'",
    "flask login -token hunter2",
    "flask mail --smtp-passwd hunter2",
    "flask pay --stripe-api-key=hunter2",
    "flask sign --secret-key hunter2",
    "PASSWORD=hunter2 flask create-admin",
    "env DB_PASSWORD=hunter2 flask x",
    "psql postgres://shop:hunter2@db/shop",
    "psql --dbname=postgresql://shop:hunter2@db/shop",
    "redis-cli -u redis://:hunter2@cache:6379/0",
    "flask pull ghp_hunter2hunter2hunter2hunter2",
    "flask pay sk_live_hunter2hunter2",
    "flask jwt eyJhbGciOiJIUzI1hunter2.eyJzdWIiOiIxMjM0hunter2.x",
    "flask sign '-----BEGIN PRIVATE KEY-----\nhunter2'",
]
TAKEN = [
    "flask create-admin --password $ADMIN_PASSWORD",
    "flask create-admin --password=${ADMIN_PASSWORD}",
    "PASSWORD=$ADMIN_PASSWORD flask create-admin",
    "psql postgres://shop:$ADMIN_PASSWORD@db/shop",
    "flask create-admin --password-file /run/secret",
    "flask create-admin --password /run/secrets/admin",
    "flask create-admin --password - --no-password",
    "flask users --reset-password ann@example.com",
    "flask users --no-password ann",
    "flask create-admin --password --name ann",
    "flask db upgrade",
    "npm run build -- --token-count=5 --tokens 7",
    "curl https://example.com/a:b@c",
    "flask import tokens.csv --secrets=false",
    "flask users abc",
]


@pytest.mark.parametrize("line", REFUSED)
def test_a_literal_that_looks_like_a_secret_is_refused_and_not_shown(line: str) -> None:
    (problem,) = app_commands.of_line("'release_commands'", line, list(SECRETS), SECRETS)
    assert "$ADMIN_PASSWORD" in problem and problem.startswith("'release_commands' (`")
    assert "hunter2" not in problem


@pytest.mark.parametrize("line", TAKEN)
def test_what_is_no_secret_is_taken(line: str) -> None:
    assert app_commands.of_line("'release_commands'", line, list(SECRETS), SECRETS) == []


@pytest.mark.parametrize(
    "line", ["flask create-admin ann 'Tr0ub4dor&3'", "flask x=Tr0ub4dor\\&3", 'flask "a Tr0ub4dor&3"']
)
def test_a_value_of_the_apps_own_secrets_is_refused_wherever_it_stands(line: str) -> None:
    (problem,) = app_commands.of_line("x", line, list(SECRETS), SECRETS)
    assert "contains the value of ADMIN_PASSWORD: write $ADMIN_PASSWORD there" in problem
    assert "Tr0ub" not in problem


def test_a_name_that_the_app_does_not_have_is_refused_with_the_nearest() -> None:
    (problem,) = app_commands.of_line("x", "flask a $ADMIN_PASWORD $RELEASE_ID", list(SECRETS), SECRETS)
    assert "$ADMIN_PASWORD" in problem and "did you mean 'ADMIN_PASSWORD'?" in problem


ONCE: list[tuple[str, list[Any], str]] = [
    ("release_commands", [{"command": "flask seed", "once": True}], ""),
    ("release_commands", [{"command": "flask load a.json", "once": True}, {"command": "flask load b.json", "once": True}],
     "both known as"),
    ("release_commands", [{"command": "python -c 'x'", "once": True}], "needs a `name`"),
    ("release_commands", [{"command": "python -c 'x'", "once": True, "name": "load-ports"}], ""),
    ("release_commands", [{"command": "flask seed", "once": True, "name": "a/b"}], "must be up to 60 letters"),
    ("build_commands", [{"command": "npm ci", "once": True}], "each release is built anew"),
    ("setup_commands", [{"command": "git init", "once": True}], "may be new or gone on any host"),
    ("release_commands", [{"command": "flask seed", "onze": True}], "did you mean 'once'?"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "commands", "told"), ONCE)
def test_commands_that_run_once_must_be_known_apart(key: str, commands: list[Any], told: str) -> None:
    found = app_commands.of_list(key, commands)
    assert len(found) == bool(told)
    assert told in "".join(found)


def test_words_are_shown_as_they_were_written() -> None:
    assert [shown(word) for word in split("a ${B}c")] == ["a", "$Bc"]
