# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is in the environments, who can change them, and what refused projects left behind."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host


def packages(host: Host, app: str) -> dict[str, str]:
    """Return name -> version of what the environment's own Python finds installed."""
    script = "import importlib.metadata as m, json; print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
    return dict(json.loads(host.check_output(f"/srv/{app}/venv/bin/python -c '{script}'")))


@pytest.mark.parametrize(
    ("app", "versions", "present", "absent"),
    [
        ("plain", {"flask": "3.0.3", "gunicorn": "26.0.0"}, {"werkzeug"}, set()),
        ("hashed", {"itsdangerous": "2.2.0"}, {"gunicorn"}, {"flask"}),
        ("locked", {"flask": "3.1.0", "wtforms": "3.2.1", "croniter": "6.0.0"}, {"gunicorn"}, {"iniconfig", "locked"}),
        ("flaskr", {}, {"flask", "gunicorn"}, {"flaskr", "iniconfig"}),
        ("installed", {"blog": "2.0"}, {"click"}, {"gunicorn"}),
        ("piped", {"itsdangerous": "2.2.0"}, {"gunicorn"}, {"blinker"}),
        ("overridden", {"own": "4", "flask": "3.0.3", "werkzeug": "2.3.8", "click": "8.1.3"}, set(), {"gunicorn"}),
        ("poetry", {"itsdangerous": "2.2.0"}, set(), {"blinker", "poetry"}),
        ("pdm", {"itsdangerous": "2.2.0"}, set(), {"blinker", "pdm", "pdm-app"}),
    ],
)
def test_every_kind_of_project_gets_what_it_lists(
    host: Host, app: str, versions: dict[str, str], present: set[str], absent: set[str]
) -> None:
    found = packages(host, app)
    assert versions.items() <= found.items()
    assert present <= found.keys()
    assert not absent & found.keys()


def test_uv_is_the_pinned_one_and_belongs_to_root(host: Host) -> None:
    assert host.check_output("/opt/slipway/bin/uv --version").startswith("uv 0.13.8 ")
    assert host.check_output("find /opt/slipway ! -user root -o -perm /022 ! -type l") == ""


def test_a_uv_of_another_hash_left_nothing(host: Host) -> None:
    assert host.check_output("ls -A /opt/other") == ""


def test_build_packages_are_there(host: Host) -> None:
    assert host.package("sqlite3").is_installed


def test_gunicorn_runs_a_factory_from_its_source_folder_with_its_data(host: Host) -> None:
    host.check_output("cd /srv/flaskr && venv/bin/gunicorn --check-config 'flaskr:create_app()'")
    script = "from flaskr import create_app; print(create_app().test_client().get(chr(47)).text)"
    assert "Hello: CREATE TABLE post;" in host.check_output(f"cd /srv/flaskr && venv/bin/python -c '{script}'")


def test_an_installed_project_does_not_lead_back_to_its_sources(host: Host) -> None:
    place = host.check_output("cd / && /srv/installed/venv/bin/python -c 'import blog; print(blog.PLACE)'")
    assert "/site-packages/blog/" in place
    assert host.check_output("ls -A /srv/installed").split() == ["setup.py", "src", "venv", "venvs"]


def test_the_same_content_is_the_same_environment(host: Host) -> None:
    assert host.file("/srv/hashed/venv").linked_to == host.file("/srv/twin/venv").linked_to
    assert len(host.check_output("ls /srv/shared/venvs").split()) == 1


def test_code_is_compiled_before_it_is_run(host: Host) -> None:
    sources = host.check_output("find -L /srv/plain/venv -path '*/flask/*.py' | wc -l")
    compiled = host.check_output("find -L /srv/plain/venv -path '*/flask/*.pyc' | wc -l")
    assert int(compiled) == int(sources) > 0


def test_a_service_user_reads_but_cannot_change(host: Host) -> None:
    as_user = "setpriv --reuid plain --regid plain --clear-groups"
    assert host.run(f"{as_user} /srv/plain/venv/bin/gunicorn --version").rc == 0
    assert host.check_output(f"{as_user} find -L /srv/plain/venvs /opt/slipway -writable") == ""
    assert host.run(f"{as_user} ls /var/cache/private").rc != 0
    assert host.run(f"{as_user} touch /srv/plain/venvs/x").rc != 0


@pytest.mark.parametrize("project", ["tampered", "half_hashed", "missing_package", "failing_build", "nothing_to_read"])
def test_a_refused_project_leaves_nothing(host: Host, project: str) -> None:
    assert host.run(f"ls -A /srv/refused/{project}/venvs").stdout.split() in ([], [".lock"])


def test_projects_are_left_as_they_were(host: Host) -> None:
    assert host.check_output("ls -A /srv/pdm").split() == ["pdm.lock", "pyproject.toml", "venv", "venvs"]
    assert host.check_output("ls -A /srv/poetry").split() == ["poetry.lock", "pyproject.toml", "venv", "venvs"]


def test_no_other_python_was_downloaded(host: Host) -> None:
    assert host.run("ls /root/.local/share/uv/python /root/.local/share/pdm").stdout == ""
    for app in ("plain", "locked", "installed"):
        assert host.check_output(f"readlink -f /srv/{app}/venv/bin/python").startswith("/usr/bin/python3.")


def test_a_project_that_names_its_python_gets_it(host: Host) -> None:
    """Debian 12 has it; on Debian 13 uv took it from the mirror, and it is as good as the distribution's."""
    place = host.check_output("readlink -f /srv/pinned/venv/bin/python")
    if not host.file("/usr/bin/python3.11").exists and not host.file("/srv/mirror").exists:
        pytest.skip("without a host of Debian 12 there is no mirror")
    version = host.check_output("/srv/pinned/venv/bin/python -V").split()[1]
    assert version.startswith("3.11.")
    if host.file("/usr/bin/python3.11").exists:
        assert place == "/usr/bin/python3.11"
        return
    assert place == f"/opt/slipway/python/cpython-{version}-linux-{host.check_output('uname -m')}-gnu/bin/python3.11"
    as_user = "setpriv --reuid plain --regid plain --clear-groups"
    script = "import itsdangerous, ssl, sys; print(sys.version.split()[0])"
    assert host.check_output(f"cd / && {as_user} /srv/pinned/venv/bin/python -c '{script}'") == version
    assert "/json/__pycache__/decoder.cpython-311.pyc" in host.check_output(
        "find /opt/slipway/python -name 'decoder*.pyc'"
    )
