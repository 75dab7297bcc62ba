# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a deploy makes of pending migrations: refused, allowed, dumped before, run as another role."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._database import postgresql
from ansible_collections.slipway.flask.plugins.module_utils._database import squawk as linter
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as python_uv
from ansible_collections.slipway.flask.plugins.module_utils._release import dump as release_dump
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome
from fake_host import FakeHost, request_with

UPGRADE = [{"command": "flask db upgrade", "once": False}]
URL = "postgresql+psycopg:///shop?host=/var/run/postgresql"
DROP = {"revision": "0005", "doc": "Drop the price", "sql": "ALTER TABLE a DROP COLUMN price;\n"}
ADD = {"revision": "0005", "doc": "Add a price", "sql": "ALTER TABLE a ADD COLUMN price INTEGER;\n"}
RULES = {DROP["sql"]: "ban-drop-column", ADD["sql"]: "prefer-bigint-over-int"}


def pending(*steps: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    server = {"version": 150018, "bytes": 2**20, "max": 100, "reserved": 3, "used": 5}
    found = {"heads": ["0005"], "current": ["0004"], "dialect": "postgresql", "server": server, "pending": list(steps)}
    return {**found, **more}


@pytest.fixture
def squawk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linter, "ensure", lambda uv: Path("/opt/slipway/squawk"))


@pytest.fixture
def site(host: FakeHost, squawk: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """A host that serves a release whose schema is at 0004; squawk and pg_dump are told what they answer."""
    monkeypatch.setattr(release_dump, "FOLDER", tmp_path / "backups")
    monkeypatch.setattr(postgresql, "client_version", lambda: 15)
    host.configure(f'DATABASE_URL="{URL}"\nSECRET_KEY="s3cr3t-key-0123456789abcdef"\n')
    host.probes = [{"heads": ["0004"], "current": ["0004"]}]
    host.deploy(release_commands=UPGRADE)
    host.change()
    host.events = []
    answer = host.answer

    def with_squawk(command: Any, argv: list[str]) -> subprocess.CompletedProcess[str]:
        if argv[1:2] != ["/opt/slipway/squawk"]:
            return answer(command, argv)
        host.event(f"squawk {' '.join(argv[2:-1])}")
        rows = [
            {"line": line, "line_end": line, "rule_name": RULES[f"{text}\n"]}
            for line, text in enumerate(Path(argv[-1]).read_text().splitlines())
            if f"{text}\n" in RULES
        ]
        return subprocess.CompletedProcess(argv, bool(rows), json.dumps(rows), "")

    monkeypatch.setattr(host, "answer", with_squawk)
    return host


def deploy(host: FakeHost, *probes: dict[str, Any], **migrations: Any) -> Outcome:
    host.probes = [*probes, {"heads": ["0005"], "current": ["0005"]}]
    settings = {**host.settings["migrations"], **migrations}
    return host.deploy(release_commands=UPGRADE, migrations=settings)


def test_a_dangerous_statement_stops_the_deploy_before_anything_runs(site: FakeHost) -> None:
    before = site.serving()
    with pytest.raises(ReleaseError) as refused:
        deploy(site, pending(DROP))
    said = str(refused.value)
    assert refused.value.stage == "check"
    for text in ("revision 0005, line 1 of its SQL: ALTER TABLE a DROP COLUMN price;", "ban-drop-column: it destroys",
                 "Nothing was run", '-e allow_migrations=0005 for this deploy, or `migrations_allow: ["0005"]`'):  # fmt: skip
        assert text in said
    assert site.serving() == before
    assert "squawk --reporter json --pg-version 15.18" in site.events
    assert "run flask db upgrade" not in site.events
    assert not (site.folder / "backups").exists()


def test_a_harmless_migration_runs_without_a_word_and_without_a_dump(site: FakeHost) -> None:
    outcome = deploy(site, pending(ADD))
    assert (outcome.changed, outcome.notes) == (True, [])
    assert site.record()["heads_before"] == ["0004"]
    assert site.record()["heads_after"] == ["0005"]
    assert not (site.folder / "backups").exists()


@pytest.mark.parametrize(
    ("mode", "allow", "head"),
    [("guarded", ["0005"], "allowed"), ("guarded", ["0005:ban-drop-column"], "allowed"), ("report", [], "reported")],
)
def test_a_destructive_migration_that_may_run_leaves_a_dump(
    site: FakeHost, mode: str, allow: list[str], head: str
) -> None:
    told, dump = deploy(site, pending(DROP), mode=mode, allow=allow).notes
    assert told.startswith(f"{head}: revision 0005, line 1")
    assert site.migration["ask"]["dump"][0] == "pg_dump"
    (kept,) = (site.folder / "backups/shop").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert str(kept) in dump
    assert "runuser -u shop -- pg_restore --clean --if-exists" in dump
    assert 'SLIPWAY_DUMP_PGHOST="/var/run/postgresql"' in site.migration["environment"]


def test_three_dumps_are_kept(site: FakeHost) -> None:
    folder = site.folder / "backups/shop"
    folder.mkdir(parents=True)
    for number in range(4):
        (folder / f"000{number}-x.dump").write_text("")
        os.utime(folder / f"000{number}-x.dump", (number, number))
    deploy(site, pending(DROP), allow=["0005"])
    assert len(list(folder.iterdir())) == 3
    assert not (folder / "0001-x.dump").exists()


def test_a_migration_that_another_deploy_has_run_leaves_no_dump(site: FakeHost) -> None:
    site.ran = {"ran": False, "waited": 3.2}
    notes = deploy(site, pending(DROP), allow=["0005"]).notes
    assert "waited 3 s for another migration of this database" in notes
    assert "another deploy has migrated the database meanwhile: there was nothing left to do" in notes
    assert list((site.folder / "backups/shop").iterdir()) == []


@pytest.mark.parametrize(
    ("client", "size", "message"),
    [
        (0, 1, "pg_dump is not installed, the server is 15: install postgresql-client-15"),
        (14, 1, "pg_dump is version 14, the server is 15"),
        (15, 2**60, "MB are free below"),
    ],
)
def test_a_dump_that_can_not_be_made_is_refused_at_the_check(
    site: FakeHost, monkeypatch: pytest.MonkeyPatch, client: int, size: int, message: str
) -> None:
    monkeypatch.setattr(postgresql, "client_version", lambda: client)
    with pytest.raises(ReleaseError, match=message) as refused:
        deploy(site, pending(DROP, server={"version": 150018, "bytes": size}), allow=["0005"])
    assert refused.value.stage == "check"
    assert "migrations_dump: false" in str(refused.value)
    deploy(site, pending(DROP, server={"version": 150018, "bytes": size}), allow=["0005"], dump=False)


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"current": []}, "a database without a revision"),
        ({"dialect": "sqlite"}, "SQLite"),
        ({"current": ["0005"], "pending": []}, "a database at its head"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_nothing_to_lose_is_not_judged(site: FakeHost, changes: dict[str, Any], asked: str) -> None:
    deploy(site, pending(DROP, **changes))
    assert not [event for event in site.events if event.startswith("squawk")], asked


def test_off_does_not_look(site: FakeHost) -> None:
    deploy(site, pending(DROP), mode="off")
    assert not [event for event in site.events if event.startswith("squawk")]


def test_a_revision_whose_sql_can_not_be_written_is_told_and_goes_on_when_nothing_is_seen_in_it(site: FakeHost) -> None:
    unread = {**ADD, "sql": "", "problem": "NoInspectionAvailable: no", "reached": [["add_column()", "0005.py:9"]]}
    (note,) = deploy(site, pending(unread)).notes
    assert "revision 0005 (Add a price): its SQL can't be generated beforehand (NoInspectionAvailable: no)" in note


@pytest.mark.parametrize(
    ("part", "what", "said"),
    [
        ("reached", "drop_column()", "revision 0005, steps.py:3: drop_column(…)\n  ban-drop-column: it destroys"),
        ("reached", "TRUNCATE ?", "revision 0005, steps.py:3: TRUNCATE ?\n  truncate: it destroys"),
        ("unread", "eval(…)", "revision 0005, steps.py:3: eval(…)\n  unreadable: it can't be checked"),
    ],
)
def test_what_only_the_source_tells_is_as_good_as_sql_and_what_it_does_not_tell_as_bad_as_a_drop(
    site: FakeHost, part: str, what: str, said: str
) -> None:
    unread = {**ADD, "sql": "", "problem": "TypeError: no", part: [[what, "steps.py:3"]]}
    with pytest.raises(ReleaseError) as refused:
        deploy(site, pending(unread))
    assert said in str(refused.value)
    assert "-e allow_migrations=0005" in str(refused.value)
    assert "to bring it back" in deploy(site, pending(unread), allow=["0005"]).notes[-1]


def test_migrations_that_can_not_be_judged_are_refused_or_allowed_by_name(
    site: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(uv: object) -> Path:
        raise python_uv.EnvironmentError_("installing squawk failed: no route to host")

    monkeypatch.setattr(linter, "ensure", no_network)
    with pytest.raises(ReleaseError, match="squawk can't be used: installing squawk failed"):
        deploy(site, pending(ADD))
    (note,) = deploy(site, pending(ADD), allow=["0005"]).notes
    assert note.startswith("the pending migrations were not checked")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": ["0005", "0005b"]}, r"2 heads \(0005, 0005b\)(?s:.*)flask db merge -m 'Merge heads' 0005 0005b"),
        ({"current": ["0009"], "unknown": ["0009"], "pending": []}, "ahead of this code: it is at 0009"),
    ],
)
def test_a_schema_that_the_code_can_not_reach_is_refused_at_the_check(
    site: FakeHost, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ReleaseError, match=message) as refused:
        deploy(site, pending(**changes))
    assert refused.value.stage == "check"


def test_an_app_that_does_not_migrate_here_is_left_alone(site: FakeHost) -> None:
    site.probes = [pending(heads=["a", "b"], unknown=["0009"])]
    assert site.deploy(release_commands=[]).changed


def test_the_timeouts_reach_the_server_by_libpq_s_options(site: FakeHost) -> None:
    site.configure(f'DATABASE_URL="{URL}"\nPGOPTIONS="-c search_path=x"\n')
    deploy(site, pending(ADD), lock_timeout_seconds=7, statement_timeout_seconds=90)
    text = site.migration["environment"]
    assert 'PGOPTIONS="-c search_path=x -c lock_timeout=7s -c statement_timeout=90s"' in text
    assert "DATABASE_URL" not in text


def test_options_in_the_url_itself_are_added_to(site: FakeHost) -> None:
    site.configure(f'DATABASE_URL="{URL}&options=-c%20search_path%3Dx&sslmode=prefer"\n')
    deploy(site, pending(ADD))
    wanted = f'DATABASE_URL="{URL}&options=-c%20search_path%3Dx%20-c%20lock_timeout%3D5s&sslmode=prefer"'
    assert wanted in site.migration["environment"]


def test_no_timeout_sets_no_options(site: FakeHost) -> None:
    deploy(site, pending(ADD), lock_timeout_seconds=0)
    assert "PGOPTIONS" not in site.migration["environment"]


def test_the_owner_s_url_is_for_the_migration_alone_and_gone_afterwards(site: FakeHost) -> None:
    owner = "postgresql+psycopg://landlord:l4nd-l0rd@db/shop"
    site.commands["flask db upgrade"] = (1, f"could not connect to {owner} with l4nd-l0rd")
    with pytest.raises(ReleaseError) as failed:
        deploy(site, pending(ADD), owner_url=owner)
    assert f'DATABASE_URL="{owner}"' in site.migration["environment"]
    assert "l4nd-l0rd" not in str(failed.value)
    del site.commands["flask db upgrade"]
    deploy(site, pending(ADD), owner_url=owner)
    assert not [path for path in site.folder.rglob("*") if path.is_file() and b"l4nd-l0rd" in path.read_bytes()]


def test_a_release_that_fails_after_its_migration_says_where_the_schema_is(site: FakeHost) -> None:
    site.health = [500]
    with pytest.raises(ReleaseError) as failed:
        deploy(site, pending(ADD))
    assert failed.value.stage == "gate"
    assert "The database was migrated before that, from 0004 to 0005, and stays so" in str(failed.value)
    assert "stays so" in site.history[-1]["message"]


def test_a_failed_migration_tells_revision_error_and_state(site: FakeHost) -> None:
    output = "Running upgrade 0004 -> 0005, Add a price\nsqlalchemy.exc.ProgrammingError: (psycopg.errors.X) no\n"
    site.commands["flask db upgrade"] = (1, output)
    site.ran = {"after": ["0004"]}
    with pytest.raises(ReleaseError) as failed:
        deploy(site, pending(ADD))
    for text in ("failed with status 1 at revision 0005 (Add a price)", "ProgrammingError", "at 0004, as before"):
        assert text in str(failed.value)


def test_squawk_is_installed_once_by_hash_and_older_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], doing: str, *, cwd: Path, variables: Mapping[str, str]) -> str:
        calls.append(command)
        assert "--require-hashes" in command
        assert (cwd / "requirements.txt").read_text().count("sha256:") == len(linter.HASHES)
        (cwd / "files/bin").mkdir(parents=True)
        (cwd / "files/bin/squawk").touch(0o755)
        return ""

    monkeypatch.setattr(python_uv, "run", run)
    (tmp_path / "squawk-1.0.0").mkdir()
    uv = python_uv.Uv("uv", python_uv.Index(), tmp_path / "cache")
    assert linter.ensure(uv, tmp_path) == linter.ensure(uv, tmp_path) == linter.path(tmp_path)
    assert len(calls) == 1
    assert sorted(path.name for path in tmp_path.glob("squawk*")) == [f"squawk-{linter.VERSION}"]


def test_the_command_that_restores_names_a_remote_database_without_its_password() -> None:
    context: Any = SimpleNamespace(
        paths=SimpleNamespace(app="shop"), record=SimpleNamespace(id="0002-x"), request=request_with()
    )
    url = "postgresql://o:pw12@db/shop"
    told = release_dump.Dump(context, postgresql.Postgresql(), url, {}).restore()
    assert "--dbname='host=db dbname=shop user=o' /var/backups/slipway/shop/0002-x-" in told
    assert "pw12" not in told
    assert told.endswith("(it asks for the password)")


def test_what_was_noted_before_a_hook_is_told_at_the_end(site: FakeHost) -> None:
    settings = {**site.settings["migrations"], "allow": ["0005"]}
    site.probes = [pending(DROP), {"heads": ["0005"], "current": ["0005"]}]
    arguments: dict[str, Any] = {"release_commands": UPGRADE, "migrations": settings}
    release = site.deploy(until="before_start", **arguments).hook["release"]
    told, dump = site.deploy(resume=release, **arguments).notes
    assert told.startswith("allowed: revision 0005")
    assert "to bring it back" in dump


def test_a_database_that_does_not_tell_where_it_is_stops_a_guarded_deploy(site: FakeHost) -> None:
    silent = pending(current=None, pending=[], note="OperationalError: connection refused")
    with pytest.raises(
        ReleaseError, match="does not say which revision it is at: OperationalError: connection refused"
    ):
        deploy(site, silent)
    assert "run flask db upgrade" not in site.events
    (note,) = deploy(site, silent, mode="report").notes
    assert "connection refused" in note
    assert "run flask db upgrade" in site.events


# ---- apps that migrate in another way ----------------------------------------------------------------------------------


def commands(*lines: str) -> list[dict[str, Any]]:
    return [{"command": line, "once": False} for line in lines]


def test_a_command_that_stamps_the_database_first_is_no_other_migration(site: FakeHost) -> None:
    site.probes = [
        pending(DROP, current=[], pending=[]),
        pending(ADD, current=["0004"]),
        {"heads": ["0005"], "current": ["0005"]},
    ]
    site.deploy(release_commands=commands("flask db stamp 0004", "flask db upgrade"))
    assert [event for event in site.events if event.startswith("run")] == [
        "run flask db stamp 0004",
        "run flask db upgrade",
    ]
    assert site.migration["ask"]["expected"] == ["0004"]


def test_what_a_command_has_made_pending_is_judged_before_it_runs(site: FakeHost) -> None:
    site.probes = [pending(current=[], pending=[]), pending(DROP)]
    with pytest.raises(ReleaseError, match="ban-drop-column: it destroys") as refused:
        site.deploy(release_commands=commands("flask db stamp 0004", "flask db upgrade"))
    assert refused.value.stage == "migrate"
    assert "run flask db upgrade" not in site.events


@pytest.mark.parametrize("line", ["flask deploy", "python manage.py setup"])
def test_a_command_of_its_own_is_judged_as_if_it_ran_the_pending_migrations(site: FakeHost, line: str) -> None:
    site.probes = [pending(DROP)]
    with pytest.raises(ReleaseError, match="ban-drop-column: it destroys"):
        site.deploy(release_commands=commands(line))
    site.probes = [pending(DROP), {"heads": ["0005"], "current": ["0005"]}]
    settings = {**site.settings["migrations"], "allow": ["0005"]}
    notes = site.deploy(release_commands=commands(line), migrations=settings).notes
    assert site.migration["ask"]["argv"] == line.split()
    assert site.migration["ask"]["dump"][0] == "pg_dump"
    assert any(f"`{line}` may run them, so they were checked as if it did" in note for note in notes)


def test_a_folder_that_can_not_be_looked_at_stops_a_guarded_deploy(site: FakeHost) -> None:
    site.probes = [{"note": "CommandError: Path doesn't exist: x/migrations"}]
    line = "flask db upgrade --directory x/migrations"
    with pytest.raises(ReleaseError, match="the migrations of `flask db upgrade` can't be read: CommandError: Path"):
        site.deploy(release_commands=commands(line))
    settings = {**site.settings["migrations"], "mode": "report"}
    (note,) = site.deploy(release_commands=commands(line), migrations=settings).notes
    assert "can't be read" in note


@pytest.mark.parametrize(("line", "told"), [("flask audit", False), ("python migrate.py", True), ("flask seed", False)])
def test_a_command_that_is_nobody_s_is_named_when_it_sounds_like_a_migration(
    site: FakeHost, line: str, told: bool
) -> None:
    site.probes = [{}]
    notes = site.deploy(release_commands=commands(line)).notes
    assert (
        notes
        == [f"`{line}` was not checked, and no dump is made before it: the app has no Flask-Migrate and no alembic.ini"]
        * told
    )


def test_each_of_several_commands_is_held_to_its_own_folder(site: FakeHost) -> None:
    lines = ["flask db upgrade", "flask db upgrade --directory audit"]
    places = [{"argv": line.split(), "heads": [head], "current": [now]}
              for line, head, now in zip(lines, ("0005", "a2"), ("0004", "a1"), strict=True)]  # fmt: skip
    site.probes = [pending(ADD, heads=["0005", "a2"], current=["0004", "a1"], places=places)]
    site.deploy(release_commands=commands(*lines))
    ask = site.migration["ask"]
    assert (ask["argv"], ask["expected"], ask["wanted"]) == (lines[1].split(), ["a1"], ["a2"])


def test_several_heads_are_those_of_one_folder(site: FakeHost) -> None:
    site.probes = [pending(heads=["0005", "a1", "a2"], split=["a1", "a2"], places=[{}, {}])]
    with pytest.raises(ReleaseError, match="have 2 heads .a1, a2."):
        site.deploy(release_commands=UPGRADE)


# ---- apps that write when they are imported ----------------------------------------------------------------------------

SEEDS = {"error": "ProgrammingError: no such table", "wrote": [["create_all()", "shop/__init__.py:12"]]}


def test_what_an_import_would_have_written_is_left_out_told_and_done_once_at_migrate(site: FakeHost) -> None:
    site.probes = [
        pending(ADD, wrote=[["Alembic's upgrade", "shop.py:9"]]),
        {"heads": ["0005"], "current": ["0005"]},
    ]
    (note,) = site.deploy(release_commands=[]).notes
    assert "the app writes when it is imported: `Alembic's upgrade` at shop.py:9. The check skipped it" in note
    assert site.migration["ask"]["argv"][:2] == ["python", "-c"]
    assert site.record()["heads_after"] == ["0005"]


def test_migrations_that_an_import_runs_are_guarded_and_dumped_like_all(site: FakeHost) -> None:
    site.probes = [pending(DROP, wrote=[["Alembic's upgrade", "shop.py:9"]])]
    with pytest.raises(ReleaseError, match="ban-drop-column: it destroys") as refused:
        site.deploy(release_commands=[])
    assert refused.value.stage == "check"
    site.probes = [site.probes[0], {"heads": ["0005"], "current": ["0005"]}]
    settings = {**site.settings["migrations"], "allow": ["0005"]}
    assert "to bring it back" in "".join(site.deploy(release_commands=[], migrations=settings).notes)
    assert site.migration["ask"]["dump"][0] == "pg_dump"


def test_an_app_that_can_not_be_imported_without_writing_is_told_so_by_name(site: FakeHost) -> None:
    site.probes = [SEEDS]
    with pytest.raises(ReleaseError) as refused:
        site.deploy(release_commands=[])
    assert refused.value.stage == "check"
    for text in (
        "which writes when it is imported",
        "`create_all()` at shop/__init__.py:12",
        "`writes_at_import: true`",
    ):
        assert text in str(refused.value)


def test_such_an_app_is_imported_at_migrate_after_a_dump_when_its_key_says_so(site: FakeHost) -> None:
    site.probes = [SEEDS, {"debug": False}]
    notes = site.deploy(release_commands=[], writes_at_import=True).notes
    assert "could not see what it does: `create_all()` at shop/__init__.py:12" in notes[0]
    assert "to bring it back" in notes[1]


def test_such_an_app_in_debug_mode_is_refused_before_it_serves(site: FakeHost) -> None:
    serving = site.current
    site.probes = [SEEDS, {"debug": True}]
    with pytest.raises(ReleaseError, match="debug mode"):
        site.deploy(release_commands=[], writes_at_import=True)
    assert site.current == serving
