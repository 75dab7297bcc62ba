# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a change can touch: unit tests by what they import, hosts by the roles and packages that a file belongs to.

A file that no rule knows, and one that everything goes through, chooses everything: the choice may be too wide, never
too narrow without the table here saying so.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from testrun.parts import ROOT

COLLECTION = "ansible_collections.slipway.flask."
FAULTS = "slow-faults*"
SITE = "molecule-default"
ALL = "*"
RENDERED = ("slow-compose", "slow-kubernetes", "slow-swarm")
RULES: list[tuple[str, tuple[str, ...]]] = [
    # What only people read, and what no part needs.
    (r"(README|CHANGELOG|LICENSE).*|docs/.*|bench/.*|.*/README\.md", ()),
    (r"bin/(demo|bench|record)|bin/lib/(demo.py|record(ing/.*|\.py)|role-tables)", ()),
    (r"tests/unit/support/warm_ansible\.py", ("molecule-nginx_tls_acme", SITE, "slow-*")),
    (r"tests/unit/.*|sample_app/tests/.*|plugins/doc_fragments/.*|plugins/filter/\w+\.yml", ()),
    # What only bin/lint and bin/test core read: lint runs after every change.
    (r"\.[\w-]+(\.ya?ml)?|\.github/.*|tests/(sanity/.*|config\.yml)|requirements-core\..*", ()),
    (r"bin/lint|bin/lib/(ansible_lint|sanity|core|unit_tests)\.py", ()),
    # Tests of hosts are their own parts; what several share is all of theirs.
    (r"tests/slow/test_(\w+)\.py", (r"slow-\1*",)),
    (r"tests/slow/(engines|pods|podman_node|swarms|image_base)\.py", ("slow-image", *RENDERED)),
    (r"tests/slow/stops\.py", (FAULTS, "slow-upgrade_database*")),
    (r"tests/slow/(load|strays)\.py", (FAULTS, "slow-pooling*")),
    (r"tests/slow/acme_shop\.py", ("slow-certificates*",)),
    (r"tests/slow/dense_posts\.py", ("slow-faults_traffic*",)),
    (r"tests/slow/jobs\.py|tests/slow/jobs_app/.*", ("slow-faults_jobs*",)),
    (r"bin/(new-project|first-login)|bin/lib/(project/.*|(new_project|first_login|terminal)\.py)", ("slow-first_steps*",)),
    (r"tests/slow/(edge|slow_clients|links)\.py|tests/slow/edge_app/.*", ("slow-edge*", "slow-foreign_apps*")),
    (r"tests/slow/metrics_app/.*", ("slow-metrics*",)),
    (r"tests/slow/(hostile|ledger)_app/.*", ("slow-hostile*", "slow-handover*")),
    (r"tests/slow/.*", ("slow-*",)),
    (r"molecule/shared/.*|molecule/conftest\.py|\.config/molecule/.*|bin/lib/scenario\.py", ("molecule-*",)),
    (r"molecule/(\w+)/.*", (r"molecule-\1",)),
    # By subject: the role's own scenario, the whole site, and the slow tests that are about it.
    (r"roles/host_(metrics|dashboard)/.*|plugins/\w+/_?(host_)?(metrics|dashboard)\w*(/.*|\.\w+)",
     ("molecule-host_metrics*", SITE, "slow-metrics*")),
    (r"roles/(nginx_tls)/.*|plugins/\w+/_?(nginx|certificates|tls|acme)\w*(/.*|\.\w+)",
     ("molecule-nginx_tls*", SITE, "slow-certificates*", "slow-edge*", "slow-metrics*", "slow-occupied_host*", "slow-reuse*")),
    (r"roles/postgres_\w+/.*|plugins/\w+/_?(postgres|database)\w*(/.*|\.\w+)",
     ("molecule-postgres_*", SITE, "slow-migrations*", "slow-foreign_apps*", "slow-occupied_host*")),
    (r"roles/redis_\w+/.*|plugins/\w+/_?redis\w*(/.*|\.\w+)", ("molecule-redis_*", SITE)),
    (r"roles/python_venv/.*|plugins/\w+/_?(python|uv)\w*(/.*|\.\w+)",
     ("molecule-python_venv", "molecule-app_release", SITE, "slow-hostile*", "slow-foreign_apps*", "slow-sources*", FAULTS)),
    (r"roles/gunicorn_systemd/.*|plugins/\w+/(_host/)?_?(gunicorn|systemd|service|process|instance|sandbox)\w*(/.*|\.\w+)",
     ("molecule-gunicorn_systemd", "molecule-app_release", SITE, "slow-handover*", "slow-hostile*", "slow-metrics*", "slow-reuse*",
      FAULTS)),
    (r"plugins/\w+/_?upgrade\w*(/.*|\.\w+)", ("slow-upgrade_database*",)),
    (r"plugins/\w+/_?(render|file_texts)\w*(/.*|\.\w+)|playbooks/render\.yml", RENDERED),
    (r"plugins/\w+/_?image\w*(/.*|\.\w+)|playbooks/image\.yml", ("slow-image", *RENDERED)),
    (r"plugins/\w+/queries\w*\.\w+", (SITE,)),
    (r"plugins/\w+/_migration/.*", (SITE, "slow-migrations*", "slow-faults_*", "slow-foreign_apps*")),
    (r"plugins/\w+/_source/.*", ("molecule-app_release", SITE, "slow-sources*", "slow-foreign_apps*")),
    (r"roles/app_release/.*|plugins/\w+/(_release|release|rollback|maintenance|kept_half)\w*(/.*|\.\w+)",
     ("molecule-app_release", SITE, "slow-*")),
    (r"plugins/\w+/_?(drift|doctor)\w*(/.*|\.\w+)|playbooks/(drift|doctor)\.yml", ("slow-drift*",)),
    (r"plugins/callback/.*|plugins/\w+/_report/.*",
     (SITE, "slow-drift*", "slow-secrets*", "slow-edge*", "slow-faults_release*")),
    (r"plugins/\w+/_?preflight(/.*|\.\w+)", (SITE, "slow-mistakes*", "slow-faults_host*", "slow-occupied_host*")),
    (r"sample_app/.*", (SITE, FAULTS, "slow-migrations*")),
    (r"requirements-mitogen\..*", ("slow-mitogen*",)),
]  # fmt: skip
"""Pattern of a whole path, and names of parts with `*`; the first that fits counts, and what none fits touches all."""
WHOLE_CHECKOUT = ("tests/unit/test_*.py",)
"""Unit tests that read roles, playbooks and documentation instead of importing modules."""


def changed_files(base: str | None) -> tuple[str, list[str]]:
    """Return the revision compared with, and what differs from it, untracked files included.

    Without BASE it is where this branch left origin/main; on a branch that has all of it, the last commit.
    """
    if not base:
        base = _git("merge-base", "HEAD", "origin/main") or "HEAD"
        if base == _git("rev-parse", "HEAD") and not _git("status", "--porcelain"):
            base = "HEAD~1"
    listed = _git("diff", "--name-only", "--no-renames", base, "--").splitlines()
    if (
        not listed
        and subprocess.run(["git", "rev-parse", "-q", "--verify", base], cwd=ROOT, capture_output=True).returncode
    ):
        raise SystemExit(f"bin/test: {base} is no revision of this repository")
    return base, sorted({*listed, *_git("ls-files", "--others", "--exclude-standard").splitlines()})


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def touched(file: str) -> tuple[str, ...]:
    """Return the names, with `*`, of the parts on hosts that a changed FILE can touch."""
    for pattern, names in RULES:
        if found := re.fullmatch(pattern, file):
            return tuple(found.expand(name) if "\\" in name else name for name in names)
    return (ALL,)


def unit_tests(files: Iterable[str]) -> list[str]:
    """Return the unit tests that import one of the changed FILES, over however many others, name it, or are one of them."""
    changed, graph = set(files), _imports()
    reached = {file for file in graph if _reaches(file, changed, graph, set())}
    # A plugin may be called by its name, as Ansible does it.
    stems = {Path(file).stem for file in reached if re.match(r"plugins/(modules|action|filter|callback)/", file)}
    named = re.compile(rf"\b({'|'.join(sorted(stems)) or '(?!)'})\b")
    tests = {file for file in graph if file in reached or named.search((ROOT / file).read_text())}
    tests = {file for file in tests if Path(file).name.startswith("test_") and file.startswith("tests/unit/")}
    general = {str(path.relative_to(ROOT)) for pattern in WHOLE_CHECKOUT for path in ROOT.glob(pattern)}
    if not any("gunicorn" in file for file in changed):
        general -= {"tests/unit/test_gunicorn_releases.py"}  # it installs thirteen of them
    return sorted(tests | general)


def _reaches(file: str, changed: set[str], graph: dict[str, set[str]], seen: set[str]) -> bool:
    if file in changed:
        return True
    seen.add(file)
    return any(_reaches(other, changed, graph, seen) for other in graph.get(file, set()) - seen)


def _imports() -> dict[str, set[str]]:
    """Return, for every Python file of plugins, roles and unit tests, the files of ours that it imports or names."""
    files = [*ROOT.glob("plugins/**/*.py"), *ROOT.glob("tests/unit/**/*.py")]
    support = {path.stem: path for path in files if path.parent.name == "support"}
    graph: dict[str, set[str]] = {}
    for path in files:
        found = set[Path]()
        for name in _names(path):
            if name.startswith(COLLECTION):
                found |= set(_module(ROOT.joinpath(*name.removeprefix(COLLECTION).split("."))))
            elif name.partition(".")[0] in support:
                found.add(support[name.partition(".")[0]])
        graph[str(path.relative_to(ROOT))] = {str(other.relative_to(ROOT)) for other in found} | set(_conftests(path))
    return graph


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            package = path.relative_to(ROOT).parts[: -node.level]
            base = COLLECTION + ".".join([*package, *(node.module or "").split(".")]).strip(".")
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def _module(path: Path) -> Iterator[Path]:
    yield from (found for found in (path.with_suffix(".py"), path / "__init__.py") if found.is_file())


def _conftests(path: Path) -> Iterator[str]:
    for folder in path.relative_to(ROOT).parents:
        if (ROOT / folder / "conftest.py").is_file() and path.name.startswith("test_"):
            yield str(folder / "conftest.py")
