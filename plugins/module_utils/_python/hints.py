# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. What a failing build or import means, and what to do about it.

A build prints hundreds of lines of which one says why. `explained` finds it; package names are Debian's and Ubuntu's.
"""

from __future__ import annotations

import re

COMPILER = ("build-essential", "python3-dev")
# What a failing build prints -> the packages that it lacks. All that match count: one line seldom tells everything.
LACKING: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"Python\.h: No such file", COMPILER),
    (r"\[Errno 2\][^\n]*'(?:\w+-linux-gnu-)?(?:gcc|cc|[gc]\+\+)'|(?:gcc|cc|[gc]\+\+|make): (?:command )?not found", COMPILER),
    (r"unable to execute '\S*gcc'|command '\S*(?:gcc|cc|[gc]\+\+)' failed|you need a C compiler|Unknown compiler\(s\)", COMPILER),
    (r"pg_config executable not found|pg_config is required|(?:pg_config|libpq-fe)\.h", (*COMPILER, "libpq-dev")),
    (r"mysql_config|MYSQLCLIENT_CFLAGS|mysql\.h", (*COMPILER, "default-libmysqlclient-dev", "pkg-config")),
    (r"\bffi\.h: No such file", (*COMPILER, "libffi-dev")),
    (r"openssl/\w+\.h: No such file|OpenSSL[^\n]*not found|openssl-sys", (*COMPILER, "libssl-dev")),
    (r"libxml/\w+\.h: No such file|xslt-config|libxml2 and libxslt development", (*COMPILER, "libxml2-dev", "libxslt1-dev")),
    (r"Failed to build `xmlsec|xmlsec/\w+\.h: No such file", (*COMPILER, "libxmlsec1-dev", "pkg-config")),
    (r"\b(?:lber|ldap)\.h: No such file", (*COMPILER, "libldap-dev", "libsasl2-dev")),
    (r"sasl/sasl\.h: No such file", (*COMPILER, "libsasl2-dev")),
    (r"gssapi/\w+\.h: No such file|krb5-config", (*COMPILER, "libkrb5-dev")),
    (r"\bsql\.h: No such file", (*COMPILER, "unixodbc-dev")),
    (r"sybdb\.h: No such file|Failed to build `pymssql", (*COMPILER, "freetds-dev")),
    (r"(?<!find_)curl-config|curl/curl\.h: No such file", (*COMPILER, "libcurl4-openssl-dev")),
    (r"headers or library files could not be found for jpeg|jpeglib\.h: No such file", (*COMPILER, "libjpeg-dev", "zlib1g-dev")),
    (r"\bzlib\.h: No such file", (*COMPILER, "zlib1g-dev")),
    (r"sqlite3\.h: No such file", (*COMPILER, "libsqlite3-dev")),
    (r"memcached\.h: No such file", (*COMPILER, "libmemcached-dev", "zlib1g-dev")),
    (r"geos-config|geos_c\.h: No such file", (*COMPILER, "libgeos-dev")),
    (r"gdal-config", (*COMPILER, "libgdal-dev")),
    (r"[Dd]ependency (?:lookup for )?cairo|cairo\.h: No such file", (*COMPILER, "libcairo2-dev", "pkg-config")),
    (r"gcc -E ended with|swig: not found|'swig'", (*COMPILER, "libssl-dev", "swig")),
    (r"pkg-config: not found|invoke pkg-config|Pkg-config [^\n]*not found|'pkg-config'", (*COMPILER, "pkg-config")),
    (r"can't find Rust compiler|Rust not found|(?:cargo|rustc)[^\n]{0,40}(?:not found|not installed|No such file)",
     (*COMPILER, "cargo")),
    (r"CMake must be installed|No such file[^\n]*'cmake'|cmake: (?:command )?not found|Could not find CMake", (*COMPILER, "cmake")),
    (r"gfortran|Fortran compiler", (*COMPILER, "gfortran")),
    (r"Git executable not found|git: (?:command )?not found|executable 'git'", ("git",)),
    (r"(?:^|[\s'\u2018:])(?:npm|npx)['\u2019]?: (?:command |No such file|not found)|No such file[^\n]*'np[mx]'", ("npm",)),
    (r"(?:^|[\s'\u2018:])node['\u2019]?: (?:command |No such file|not found)|No such file[^\n]*'node'", ("nodejs",)),
    (r"(?:^|[\s'\u2018:])make['\u2019]?: (?:command |No such file|not found)", ("make",)),
)  # fmt: skip
# What these need besides a compiler, which they miss only once there is one: said at once, it saves an attempt.
NEEDED = {
    "psycopg2": ("libpq-dev",), "psycopg-c": ("libpq-dev",), "mysqlclient": ("default-libmysqlclient-dev", "pkg-config"),
    "cffi": ("libffi-dev",), "python-ldap": ("libldap-dev", "libsasl2-dev"), "gssapi": ("libkrb5-dev",),
    "pyodbc": ("unixodbc-dev",), "pycairo": ("libcairo2-dev", "pkg-config"), "pylibmc": ("libmemcached-dev", "zlib1g-dev"),
    "xmlsec": ("libxmlsec1-dev", "pkg-config"), "lxml": ("libxml2-dev", "libxslt1-dev"),
}  # fmt: skip
OTHERS = (
    (r"celerybeat-schedule",
     "Celery's beat wants to write its schedule beside the code, which is read-only: add `--schedule "
     "$STATE_DIRECTORY/schedule` to its command."),
    (r"UnknownIssuer|CERTIFICATE_VERIFY_FAILED",
     "The package index has a certificate of an unknown authority: put your company's CA into "
     "/usr/local/share/ca-certificates and run update-ca-certificates, or set python_venv_ca_bundle to its file."),
    (r"https?://(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])[:/]",
     "A build can't reach services on its own host, except an index or proxy named in the host's settings: "
     "set python_venv_index_url to it."),
    (r"No such command 'db'",
     "The app has no Flask-Migrate (or another app was found): set release_commands to the commands that migrate its database, or "
     "to [] for none."),
)  # fmt: skip
# What only shows with code that was written for an older Python: what its C headers and its library have no more.
OLDER = re.compile(
    r"No module named '(?:distutils|imp|asyncore|pkg_resources)'|unknown type name \u2018CFrame\u2019|KeyError: '__version__'"
    r"|\u2018(?:_PyErr_StackItem|PyThreadState|PyLongObject|PyFrameObject|PyUnicodeObject|PyTypeObject)\u2019"
    r"[^\n]*has no member named"
    r"|too few arguments to function \u2018_PyLong_|implicit declaration of function \u2018_?Py\w+\u2019"
    r"|no wheels with a matching Python (?:ABI|version|implementation) tag|we only found wheels for"
    r"|does not satisfy Python<|has no attribute 'cython_sources'|Cython\.Compiler\.Errors"
)
NEWER = re.compile(r"does not satisfy Python>=?(\d\.\d+)")
PACKAGE = re.compile(r"Failed to (build|download|download and build)(?: source distribution)?:? `([^`]+)`")
TELLING = (
    r"(?:^|\s)fatal error: .+",
    r"^\S+\.(?:c|h|cc|cpp|cxx|pyx)\S*: error: .+",
    r"^(?:[\w.]+\.)?(?:[A-Z]\w*)?(?:Error|Exception|Exit)\b.*",
    r"^(?:error|ERROR): (?!Command |Failed to |subprocess).+",
    r"^\S*: ERROR: .+",
    r"^(?:cause|Caused by): .+",  # uv's own, the innermost last
)
LONGEST = 300


def cause(output: str) -> str:
    """Return the line of a failing build that says why, "" when none does."""
    lines = [line.strip() for line in output.splitlines()]
    for number, pattern in enumerate(TELLING):
        found = [line for line in lines if re.search(pattern, line) and not PACKAGE.search(line)]
        if found:  # a compiler's first error is the cause, an exception's last line is
            return re.sub(r"^(?:cause|Caused by): ", "", found[0 if number < 2 else -1])[:LONGEST]
    return ""


def lacking(output: str) -> list[str]:
    """Return the system packages that a failing build or command lacks, [] when it says nothing of the kind."""
    found = [name for pattern, names in LACKING if re.search(pattern, output, re.MULTILINE) for name in names]
    named = PACKAGE.search(output)
    if named and "build-essential" in found:
        found += NEEDED.get(named.group(2).partition("==")[0], ())
    return list(dict.fromkeys(found))


def hint(output: str) -> str:
    """Return lines that say what to do, each after a line break, "" when the output is of no known kind."""
    advice = []
    packages = lacking(output)
    newer = NEWER.search(output)
    if newer:
        advice.append(f'It needs Python {newer.group(1)} or later: set python: "{newer.group(1)}".')
    elif re.search(OLDER, output):
        advice.append(older(output))
    elif packages:
        what = (
            "A package is compiled here and needs system packages"
            if "python3-dev" in packages
            else "A program is missing"
        )
        advice.append(
            f"{what}: add {', '.join(packages)} to the app's system_packages (python_venv_build_packages of the role) and "
            "run site.yml."
        )
    advice += [text for pattern, text in OTHERS if re.search(pattern, output)]
    if of_writing(output):
        advice.append(of_writing(output))
    return "".join(f"\n{line}" for line in advice)


def older(output: str) -> str:
    """Return what to do about a package that is older than the Python that it is built for."""
    named, running = PACKAGE.search(output), re.search(r"python3\.(\d+)|cpython-3(\d+)|\bcp3(\d+)", output)
    only = re.search(r"only found wheels for `([^`]+)` \(v([^)]+)\)", output)
    what = named.group(2) if named else "{}=={}".format(*only.groups()) if only else "A package that the app pins"
    this = f"Python 3.{next(part for part in running.groups() if part)}" if running else "this Python"
    return (
        f"{what} is older than {this} and has no wheel for it: use a newer version of it, or give the app an older Python "
        '(python: "3.11", or a .python-version in the project).'
    )


def explained(output: str) -> str:
    """Return what comes before a failing tool's last lines: which package, why, and what to do; "" when that is unknown."""
    named, why = PACKAGE.search(output), cause(output)
    done = "downloaded" if named and named.group(1) == "download" else "built"
    head = f"{named.group(2)} could not be {done}{f': {why}' if why else ''}" if named else ""
    return f"{head}{hint(output)}".lstrip("\n")


# An app that writes into its release, and the path below its code's folder.
INTO_RELEASE = re.compile(
    r"(?:Read-only file system|Permission denied): (?:'[^'\n]+' -> )?'/srv/[^'/]+/releases/[^'/]+/src/([^'\n]+)'(?! ->)"
)
# Where apps that expect a host of their own keep their data.
ELSEWHERE = re.compile(r"Read-only file system: '(/(?:var|etc|opt|usr|home|root)/[^'\n]+)'")


def of_writing(error: str) -> str:
    """Return what to do when an app writes into its own code, "" when it has not."""
    found, outside = INTO_RELEASE.search(error), ELSEWHERE.search(error)
    if outside:
        return (
            f"An app can only write to its shared folders, not to '{outside.group(1)}': name a folder in shared_folders, and point "
            "the app's own settings to {release_folder}/src/<that folder>."
        )
    if re.search(r"Read-only file system: '/srv/[^'/]+/venvs/", error):
        return (
            "A program of the project's own runs the copy of it that is in the environment, which nobody can write to: "
            "`python -m <package> …` or `flask --app <package> …` runs the release's code, beside its shared folders."
        )
    if found is None:
        return ""
    folder, _, name = found.group(1).rpartition("/")
    if "." not in name:  # a folder that it makes, else a file
        folder = found.group(1)
    data = (
        f"If '{folder}' holds data, name it in shared_folders: [{folder}], where it outlives a release"
        if folder
        else ""
    )
    other = "set another place in the app's own settings."
    return f"A release's code can't be written by the app. {f'{data}; else {other}' if data else other.capitalize()}"


# What an import misses -> the version of Python that brought it, or that took it away.
BROUGHT = (
    (
        r"No module named 'tomllib'|name '(?:UTC|StrEnum|Self|assert_never|LiteralString|Required|NotRequired|reveal_type)'",
        11,
    ),
    (r"name '(?:override|batched|TypeAliasType)'", 12),
    (r"name '(?:TypeIs|ReadOnly|NoDefault)'", 13),
    (r"No module named '(?:annotationlib|compression)'|name 'Template' from 'string.templatelib'", 14),
)
TAKEN = (
    (r"name '(?:Mapping|MutableMapping|Sequence|Iterable|Callable|Hashable|OrderedDict)' from 'collections'", 10),
    (r"No module named '(?:distutils|imp|asyncore|asynchat|smtpd)'", 12),
    (r"No module named '(?:cgi|cgitb|crypt|telnetlib|imghdr|sndhdr|pipes|nntplib|uu|xdrlib|audioop|lib2to3)'", 13),
)
LIBRARIES = {
    "libpq": "libpq5", "libmariadb": "libmariadb3", "libmysqlclient": "libmariadb3", "libgl": "libgl1", "libmagic": "libmagic1",
    "libgobject": "libpango-1.0-0, libpangoft2-1.0-0", "libpango": "libpango-1.0-0, libpangoft2-1.0-0", "libcairo": "libcairo2",
    "libxmlsec1": "libxmlsec1-openssl", "libgomp": "libgomp1", "libgthread": "libglib2.0-0", "libglib": "libglib2.0-0",
    "libodbc": "unixodbc", "libsndfile": "libsndfile1", "libzbar": "libzbar0", "libgdal": "libgdal-dev", "libgeos": "libgeos-c1v5",
}  # fmt: skip


def of_import(error: str, version: str) -> str:
    """Return a line, after a line break, that says why an import can't work on Python `version`; "" when it isn't that."""
    minor = int(version.split(".")[1]) if re.match(r"3\.\d+", version) else 0
    for pattern, brought in BROUGHT:
        if re.search(pattern, error) and minor < brought:
            return f'\nPython 3.{brought} introduced that, and the app runs on {version}: set python: "3.{brought}" or later.'
    for pattern, taken in TAKEN:
        if re.search(pattern, error) and minor >= taken:
            return (
                f"\nPython 3.{taken} removed that, and the app runs on {version}: use a newer version of what imports it, or "
                f'set python: "3.{taken - 1}".'
            )
    if of_writing(error):
        return f"\n{of_writing(error)}"
    if minor < 14 and re.search(r"NameError: name '(?:[A-Z]\w*)' is not defined", error):
        return (
            f"\nIf that name is used in an annotation, this is code for Python 3.14, which does not evaluate them, "
            f"and the app runs "
            f'on {version}: set python: "3.14", or use a version of what imports it that supports {version}.'
        )
    if "No module named 'pkg_resources'" in error:
        return (
            "\nNew setuptools have no pkg_resources: add setuptools<81 to the app's requirements, or to extra_packages."
        )
    if re.search(r"\bSyntaxError\b", error) and "source code string cannot contain null bytes" not in error:
        return (
            f"\nThe app runs on Python {version}. If this is the syntax of a newer one, name it: python, or a .python-version "
            "or requires-python in the project."
        )
    library = re.search(r"(lib[\w.+-]*?)(?:[-.]\d[\w.-]*)?(?:\.so[\w.]*)?['\"]?:? cannot open shared|cannot load library '(lib\w+)"
                        r"|failed to find (libmagic)", error)  # fmt: skip
    if library:
        name = next(part for part in library.groups() if part)
        known = next((package for start, package in LIBRARIES.items() if name.lower().startswith(start)), "")
        what = (
            f"add {known} to the app's system_packages" if known else "find its package and add it to system_packages"
        )
        return f"\nA package of the app needs the system's library {name}: {what} and run site.yml."
    return ""


def of_missing(error: str, wsgi: str) -> str:
    """Return a line, after a line break, for a package that is not in the environment of the app whose callable is WSGI."""
    found = re.search(r"No module named '([A-Za-z_]\w*)", error)
    if found is None or found.group(1) == re.split(r"[.:]", wsgi)[0]:
        return ""
    return (
        f"\n'{found.group(1)}' is not in the app's environment: add the package that has it to what the app requires; if another "
        "package uses it and forgets to require it, to extra_packages."
    )


def of_page(journal: str) -> str:
    """Return what to do about a page that fails, a sentence with a line break after it; "" when that is unknown."""
    if "TemplateNotFound" in journal and re.search(r"/site-packages/(?!flask/|jinja2/)\S+\.py", journal):
        return (
            "The app is installed as a package, and a template is not in it: files other than Python code are installed "
            "only if the packaging includes them (setuptools: [tool.setuptools.package-data] in pyproject.toml).\n"
        )
    advice = of_writing(journal)
    return f"{advice}\n" if advice else ""
