#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release; its action plugin does the work, on the host with release_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Make a revision of an app serve, without losing a request
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.release
description:
  - "Runs the stages of a release: fetch, build, check, migrate, start, gate, switch, verify, watch, drain, prune, record."
  - Whatever fails before the switch leaves the old release serving; a failed verify or watch switches back by itself.
  - Changes nothing when what is asked for serves already.
attributes:
  check_mode:
    support: full
    description: Tells whether a deploy would make a new release.
options:
  path:
    description:
      - Folder on the controller with the source. What git tracks there is sent, with what it neither tracks nor ignores.
      - One of this, O(git), O(archive) and O(package) says where the source is.
    type: path
  everything:
    description: Send what git ignores in O(path), too.
    type: bool
    default: false
  git:
    description: URL of a git repository that the host can read.
    type: str
    default: ""
  version:
    description: Branch, tag or commit of O(git).
    type: str
    default: HEAD
  git_key:
    description: Private deploy key for O(git).
    type: str
  archive:
    description: A tar, compressed or not, or a zip - a file on the controller, or a URL that the host fetches.
    type: str
    default: ""
  sha256:
    description: Checksum of O(archive), which a URL must have.
    type: str
    default: ""
  package:
    description: A package on the index in one version, as C(name==1.2), for an app that is installed like any other.
    type: str
    default: ""
  subfolder:
    description: Folder of the source that holds the app.
    type: str
    default: ""
  expected_environment:
    description:
      - What C(environment) in O(settings_folder) should hold; where it does not, a note names the variables.
      - The host is sent salted hashes of the values, not the values.
    type: str
    default: ""
  python:
    description: Python, as O(slipway.flask.python_env#module:python) takes it.
    type: str
    default: ""
  python_downloads:
    description: Whether uv may fetch a Python that the host lacks, and from where; it may hold credentials.
    type: dict
    default: {}
    suboptions:
      allowed:
        description: Whether it may.
        type: bool
        default: true
      mirror:
        description: Place of the interpreters; empty for python-build-standalone's releases.
        type: str
        default: ""
      list_url:
        description: List of interpreters with their hashes; empty for the one in uv.
        type: str
        default: ""
  requirements:
    description: Files that list what the app needs; empty detects them.
    type: list
    elements: str
    default: []
  packages:
    description: What is installed beside O(requirements).
    type: dict
    default: {}
    suboptions:
      extra_packages:
        description: Requirement lines installed together with the app's own.
        type: list
        elements: str
        default: []
      constraints:
        description: Requirement lines that limit versions, also of what the app's packages need themselves.
        type: list
        elements: str
        default: []
      overrides:
        description: Requirement lines that go before what the app's list, its lock or any package says.
        type: list
        elements: str
        default: []
      needed:
        description: Requirement lines added when nothing of what the app lists brings the package.
        type: list
        elements: str
        default: []
      database:
        description:
          - Scheme of the database's URL, whose driver is added when the app has none; empty for an app without one.
          - V(auto) takes the driver that the app has and gives the URL in the release's environment the scheme that fits.
        type: str
        default: ""
  uv:
    description: Path of uv on the host.
    type: path
    default: /opt/slipway/bin/uv
  ca_bundle:
    description: Certificate authorities that package downloads trust.
    type: path
    default: /etc/ssl/certs/ca-certificates.crt
  index_url:
    description: Package index; it may hold credentials.
    type: str
  extra_index_urls:
    description: Further package indexes.
    type: list
    elements: str
  files:
    description: Files written into the release, path to contents.
    type: dict
    default: {}
  shared_folders:
    description: Folders that outlive a release and that the app may write.
    type: list
    elements: str
    default: []
  build_commands:
    description: Commands run in the new release before the check.
    type: list
    elements: dict
    default: []
    suboptions:
      command: &command
        description:
          - Command line, split as a shell splits words but run without a shell.
          - C($NAME) outside of single quotes stands for a variable of the app's environment; a secret itself is refused.
        type: str
        required: true
  release_commands:
    description: Commands run after the check and before the start, such as C(flask db upgrade).
    type: list
    elements: dict
    default: []
    suboptions:
      command: *command
      once:
        description: Whether the command runs only once in the life of the app.
        type: bool
        default: false
      name:
        description: Name by which it is known to have run once; empty is its program and subcommands.
        type: str
        default: ""
  migrations:
    description: How the database's schema may be changed.
    type: dict
    default: {}
    suboptions:
      mode:
        description:
          - What a dangerous statement in the pending migrations does, as squawk finds it in their SQL.
          - V(guarded) stops the deploy before anything has run, V(report) tells of it, V(off) does not look.
        type: str
        choices: [guarded, report, "off"]
        default: guarded
      allow:
        description: Revisions that may do what they do, each C(revision) or C(revision:rule).
        type: list
        elements: str
        default: []
      lock_timeout_seconds:
        description: How long a migration waits for a lock in PostgreSQL; 0 is for ever.
        type: int
        default: 5
      statement_timeout_seconds:
        description: How long one statement of a migration may take in PostgreSQL; 0 is for ever.
        type: int
        default: 0
      dump:
        description: Whether the database is dumped before a migration that destroys something.
        type: bool
        default: true
      variable:
        description: Environment variable with the database's URL.
        type: str
        default: DATABASE_URL
      owner_url:
        description: URL with which migrations run, of a role that owns the schema; empty is the service's own.
        type: str
        default: ""
  plan:
    description:
      - Prepares a release, tells what a deploy would do, and removes it again; fails when the deploy would be refused.
    type: bool
    default: false
  go_on:
    description:
      - Do not fail the task when the release fails, so that a play goes on with its other apps; its end must have
        M(slipway.flask.release_failures), which fails then. RV(given_up) has the message.
    type: bool
    default: false
  keep_releases:
    description: Releases kept, the one that serves among them.
    type: int
    default: 5
  min_free_mb:
    description: Space that must be free before a release is begun, in megabytes.
    type: int
    default: 256
"""

EXAMPLES = r"""
- name: Deploy the shop
  slipway.flask.release:
    app: shop
    path: ../shop
    wsgi: shop:create_app()
    user: shop
    root: /srv/shop
    settings_folder: /etc/shop
    health: {path: /healthz, host: shop.example.com}
"""

RETURN = r"""
release:
  description: Id of the release that serves now.
  type: str
  returned: success
record:
  description: The release's record, as in its release.json.
  type: dict
  returned: success
previous:
  description: Id of the release that served before.
  type: str
  returned: success
draining:
  description: What the release before still answers, one sentence each; nothing has to wait for it.
  type: list
  elements: str
  returned: success
notes:
  description: What else is worth knowing, one sentence each.
  type: list
  elements: str
  returned: always
hook:
  description: The hook at which the release waits for its tasks, and what these may want to know.
  type: dict
  returned: when it stopped at a hook
  contains:
    name: {description: Name of the hook., type: str}
    what: {description: C(deploy) or C(rollback)., type: str}
    file: {description: File of its tasks., type: str}
    app: {description: Name of the app., type: str}
    release: {description: Id of the release., type: str}
    folder: {description: The release's folder on the host., type: str}
    revision: {description: Its revision., type: str}
    previous: {description: Id of the release that served before., type: str}
given_up:
  description: Why the release failed.
  type: str
  returned: when it failed and O(go_on) is true
plan:
  description: What a deploy would do, if O(plan) asks for it.
  type: dict
  returned: success
stage:
  description: Stage or hook that failed.
  type: str
  returned: failure
serves:
  description: Id of the release that serves after the failure; empty when none does.
  type: str
  returned: failure
"""
