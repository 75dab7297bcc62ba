# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is said of builds and imports that failed; failed_builds/ has what real packages printed, with gcc and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import hints as hints
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools

FAILED = Path(__file__).parent / "failed_builds"
OLD = "is older than Python 3.13 and has no wheel for it"
# Name of the input -> how the message begins, and what it advises.
BUILDS = {
    "bcrypt": ("bcrypt==4.2.0 could not be built: error: can't find Rust compiler", "add build-essential, python3-dev, cargo to"),
    "cffi": ("cffi==1.15.1 could not be built: error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'",
             "add build-essential, python3-dev, libffi-dev to"),
    "cffi-with-gcc": ("cffi==1.15.1 could not be built: c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file",
                      "add build-essential, python3-dev, libffi-dev to"),
    "cryptography": ("cryptography==44.0.0 could not be built: ", "build-essential, python3-dev, cargo to"),
    "greenlet": ("greenlet==3.1.1 could not be built: error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-g++'",
                 "add build-essential, python3-dev to"),
    "greenlet-with-gcc": ("greenlet==1.1.2 could not be built: src/greenlet/greenlet.h:42:5: error: unknown type name ‘CFrame’",
                          f"greenlet==1.1.2 {OLD}"),
    "aiohttp-with-gcc": ("aiohttp==3.8.4 could not be built: aiohttp/_websocket.c:", f"aiohttp==3.8.4 {OLD}"),
    "lxml": ("lxml==5.3.0 could not be built: Error: Please make sure the libxml2", "libxml2-dev, libxslt1-dev to"),
    "m2crypto-with-gcc": ("m2crypto==0.43.0 could not be built: RuntimeError: gcc -E ended", "libssl-dev, swig to"),
    "mysqlclient": ("mysqlclient==2.2.6 could not be built: Exception: Can not find valid pkg-config name.",
                    "default-libmysqlclient-dev, pkg-config to"),
    "numpy-with-gcc": ("numpy==1.24.4 could not be built: ModuleNotFoundError: No module named 'distutils'",
                       f"numpy==1.24.4 {OLD}"),
    "pandas-with-gcc": ("pandas==1.5.3 could not be built: ModuleNotFoundError: No module named 'pkg_resources'",
                        f"pandas==1.5.3 {OLD}"),
    "pillow-with-gcc": ("pillow==9.5.0 could not be built: KeyError: '__version__'", f"pillow==9.5.0 {OLD}"),
    "psycopg2": ("psycopg2==2.9.10 could not be built: Error: pg_config executable not found.",
                 "add build-essential, python3-dev, libpq-dev to"),
    "psycopg2-with-gcc": ("psycopg2==2.9.13 could not be built: ./psycopg/psycopg.h:30:10: fatal error: pg_config.h: No such file",
                          "add build-essential, python3-dev, libpq-dev to"),
    "psycopg2-with-database": ("psycopg2==2.9.13 could not be built: error: [Errno 2] No such file or directory: 'x86_64",
                               "add build-essential, python3-dev, libpq-dev to"),
    "interpreter": ("https://example.org/cpython-3.12.16.tar.gz could not be downloaded: failed to lookup address", ""),
    "pycairo": ("pycairo==1.27.0 could not be built: ../meson.build:1:0: ERROR: Unknown compiler(s)",
                "add build-essential, python3-dev, libcairo2-dev, pkg-config to"),
    "pycairo-with-gcc": ("pycairo==1.27.0 could not be built: ../cairo/meson.build:31:12: ERROR: Dependency lookup for cairo",
                         "libcairo2-dev, pkg-config to"),
    "pymssql-with-gcc": ("pymssql==2.3.2 could not be built: Cython.Compiler.Errors.CompileError", ""),
    "pyodbc-with-gcc": ("pyodbc==5.2.0 could not be built: src/pyodbc.h:52:10: fatal error: sql.h", "unixodbc-dev to"),
    "python-ldap-with-gcc": ("python-ldap==3.4.4 could not be built: Modules/common.h:15:10: fatal error: lber.h",
                             "libldap-dev, libsasl2-dev to"),
    "pyyaml-with-gcc": ("pyyaml==5.4.1 could not be built: AttributeError: 'build_ext' object has no attribute",
                        f"pyyaml==5.4.1 {OLD}"),
    "uwsgi": ("uwsgi==2.0.28 could not be built: Exception: you need a C compiler", "add build-essential, python3-dev to"),
    "xmlsec": ("xmlsec==1.3.14 could not be built: error: Unable to invoke pkg-config.", "libxmlsec1-dev, pkg-config to"),
    "tensorflow": ("tensorflow==2.8.0 is older than Python 3.13", 'python: "3.11"'),
    "git": ("A program is missing: add git to the app's system_packages", "run site.yml"),
}  # fmt: skip


@pytest.mark.parametrize("name", BUILDS)
def test_a_failed_build_begins_with_its_cause_and_the_way_on(name: str) -> None:
    output = (FAILED / f"{name}.txt").read_text(encoding="utf-8")
    head, advice = BUILDS[name]
    lines = tools.told("installing requirements.txt", output, 1).splitlines()
    assert lines[0].startswith(f"installing requirements.txt failed: {head}")
    assert advice in "\n".join(lines[:3])
    assert "Its last lines:" in lines[1:4]
    assert lines[-1] == output.splitlines()[-1]
    assert len(lines) <= tools.TAIL_LINES + 4


def test_every_input_is_looked_at() -> None:
    assert {path.stem for path in FAILED.glob("*.txt")} == set(BUILDS)


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("Error: pg_config executable not found.", "libpq-dev"),
        ("x.c:1:10: fatal error: Python.h: No such file or directory", "python3-dev"),
        ("error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "build-essential"),
        ("error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'", "build-essential"),
        ("error: [Errno 2] No such file or directory: 'aarch64-linux-gnu-g++'", "build-essential"),
        ("Exception: Can not find valid pkg-config name. Specify MYSQLCLIENT_CFLAGS", "default-libmysqlclient-dev"),
        ("/bin/sh: 1: mysql_config: not found", "default-libmysqlclient-dev"),
        ("c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory", "libffi-dev"),
        ("error: can't find Rust compiler", "cargo"),
        ("Cargo, the Rust package manager, is not installed or is not on PATH. cargo: not found", "cargo"),
        ("sh: 1: npm: not found", "add npm to the app's system_packages"),
        ("/usr/bin/env: ‘npm’: No such file or directory", "add npm to"),
        ("env: 'node': No such file or directory", "add nodejs to"),
        ("bash: line 1: make: command not found", "make"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'npm'", "add npm to"),
        ("invalid peer certificate: UnknownIssuer", "python_venv_ca_bundle"),
        ("Because the current Python version (3.11.2) does not satisfy Python>=3.12 and you require", 'python: "3.12"'),
        ("Because the current Python version (3.13.5) does not satisfy Python<3.12 and you", "an older Python"),
        ("Error: No such command 'db'.", "set release_commands to"),
        ("OSError: [Errno 30] Read-only file system: '/srv/a/releases/1-a/src/var/x.idx'", "shared_folders: [var]"),
        ("No solution found", ""),
        ("ModuleNotFoundError: No module named 'node'", ""),
        ("wrote src/make: notes", ""),
    ],
)
def test_hints(output: str, advice: str) -> None:
    assert advice in hints.hint(output)
    assert bool(hints.hint(output)) is bool(advice)


@pytest.mark.parametrize(
    ("error", "version", "advice"),
    [
        ("SyntaxError: invalid syntax (shop.py, line 4)", "3.11.2", "The app runs on Python 3.11.2. If this"),
        ("SyntaxError: f-string: unmatched '('", "3.11.2", "name it: python"),
        ("ModuleNotFoundError: No module named 'tomllib'", "3.10.12", 'Python 3.11 introduced that, and the app runs on 3.10.12'),
        ("ModuleNotFoundError: No module named 'tomllib'", "3.11.2", ""),
        ("ImportError: cannot import name 'UTC' from 'datetime' (/usr/lib/python3.10/datetime.py)", "3.10.12", '"3.11" or later'),
        ("ImportError: cannot import name 'override' from 'typing'", "3.11.2", 'set python: "3.12" or later'),
        ("ImportError: cannot import name 'override' from 'shop.models'", "3.13.5", ""),
        ("NameError: name 'Callable' is not defined. Did you mean: 'callable'?", "3.12.1", 'set python: "3.14"'),
        ("NameError: name 'Callable' is not defined. Did you mean: 'callable'?", "3.14.0", ""),
        ("NameError: name 'shop' is not defined", "3.12.1", ""),
        ("OSError: [Errno 30] Read-only file system: '/srv/a/releases/6-a/src/instance'", "3.12.1", "shared_folders: [instance]"),
        ("PermissionError: [Errno 13] Permission denied: '/srv/x/releases/1/src/logs/a.log'", "3.12.1", "shared_folders: [logs]"),
        ("OSError: [Errno 30] Read-only file system: '/srv/a/releases/6/src/c' -> '/srv/a/releases/6/src/build/b.c'", "3.12.1",
         "name it in shared_folders: [build]"),
        ("OSError: [Errno 30] Read-only file system: '/srv/a/releases/6/src/shop/static/up'", "3.12.1", "[shop/static/up], where"),
        ("PermissionError: Permission denied: '/srv/a/releases/6/src/a.l'", "3.12.1", "by the app. Set another "
            "place in the app's own"),
        ("PermissionError: [Errno 13] Permission denied: '/etc/shadow'", "3.12.1", ""),
        ("OSError: [Errno 30] Read-only file system: '/var/lib/pgadmin'", "3.13.5", "shared folders, not to '/var/lib/pgadmin'"),
        ("ModuleNotFoundError: No module named 'distutils'", "3.13.5", 'Python 3.12 removed that, and the app runs on 3.13.5'),
        ("ModuleNotFoundError: No module named 'cgi'", "3.13.5", 'set python: "3.12"'),
        ("ModuleNotFoundError: No module named 'cgi'", "3.11.2", ""),
        ("ImportError: cannot import name 'Mapping' from 'collections'", "3.11.2", 'set python: "3.9"'),
        ("ModuleNotFoundError: No module named 'pkg_resources'", "3.13.5", "setuptools<81"),
        ("ImportError: libpq.so.5: cannot open shared object file: No such file or directory", "3.13.5", "add libpq5 to"),
        ("ImportError: libGL.so.1: cannot open shared object file: No such file", "3.13.5", "add libgl1 to"),
        ("ImportError: failed to find libmagic.  Check your installation", "3.13.5", "add libmagic1 to"),
        ("OSError: cannot load library 'libgobject-2.0-0': libgobject-2.0-0: cannot open shared", "3.13.5", "libpango-1.0-0"),
        ("ImportError: libfoo.so.2: cannot open shared object file", "3.13.5", "system's library libfoo: find its package"),
        ("ModuleNotFoundError: No module named 'sqlalchemy'", "3.13.5", ""),
        ("SyntaxError: invalid syntax", "", "The app runs on"),
    ],
)  # fmt: skip
def test_an_import_that_needs_another_python_or_a_library_says_which(error: str, version: str, advice: str) -> None:
    said = hints.of_import(error, version)
    assert advice in said
    assert bool(said) is bool(advice)


@pytest.mark.parametrize(
    ("error", "wsgi", "advice"),
    [
        (
            "ModuleNotFoundError: No module named 'cachetools'",
            "app:app",
            "'cachetools' is not in the app's environment",
        ),
        ("ModuleNotFoundError: No module named 'google.cloud'", "app:app", "'google' is not"),
        ("ModuleNotFoundError: No module named 'shop.wsgi'", "shop.wsgi:app", ""),
        ("ImportError: cannot import name 'a' from 'b'", "app:app", ""),
    ],
)
def test_a_package_that_is_not_in_the_environment_is_named_but_not_the_apps_own(
    error: str, wsgi: str, advice: str
) -> None:
    said = hints.of_missing(error, wsgi)
    assert advice in said
    assert bool(said) is bool(advice)


LOST = """File "/srv/shop/venvs/cb3f/lib/python3.13/site-packages/{}/__init__.py", line 20, in index
jinja2.exceptions.TemplateNotFound: a.html"""


@pytest.mark.parametrize(
    ("journal", "advice"),
    [
        (LOST.format("my_shop"), "[tool.setuptools.package-data]"),
        (LOST.format("flask"), ""),
        (
            "OSError: [Errno 30] Read-only file system: '/srv/a/releases/6/src/shop/up/x.png'",
            "shared_folders: [shop/up]",
        ),
        ("OSError: [Errno 30] Read-only file system: '/srv/forum/venvs/fad7/var'", "`python -m <package> …`"),
        ("KeyError: 'user'", ""),
    ],
)
def test_why_a_page_fails_is_told_where_it_is_known(journal: str, advice: str) -> None:
    assert advice in hints.of_page(journal)
    assert bool(hints.of_page(journal)) is bool(advice)
