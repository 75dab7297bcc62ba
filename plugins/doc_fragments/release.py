# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters that slipway.flask.release and slipway.flask.rollback have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  action_group:
    description: C(module_defaults) for C(group/slipway.flask.release) hold for both modules that make an app serve.
    support: full
    membership:
      - slipway.flask.release
options:
  app:
    description: Name of the app.
    type: str
    required: true
  wsgi:
    description: WSGI entry, C(module:app) or C(package:create_app(\)).
    type: str
    required: true
  user:
    description: The app's service user; its group has the same name.
    type: str
    required: true
  root:
    description: Folder of the app's releases.
    type: path
    required: true
  settings_folder:
    description:
      - Folder with the settings for the next release, such as C(environment) and C(gunicorn.conf.py). Each release gets a copy
        of every file in it, below it; folders, links and hidden files are left out.
    type: path
    required: true
  writable_paths:
    description: Further folders that the app may write.
    type: list
    elements: path
    default: []
  command_seconds:
    description: Longest time that one command may take, in seconds.
    type: int
    default: 3600
  health:
    description: The request that tells whether a release is ready.
    type: dict
    required: true
    suboptions:
      path:
        description: Paths that are asked for; all must be answered well, and visitors' way through nginx by the first.
        type: list
        elements: str
        default: [/]
      status:
        description: Statuses that mean ready.
        type: list
        elements: int
        default: [200]
      host:
        description: Host header of the request.
        type: str
        default: ""
      timeout_seconds:
        description: How long the release may take to become ready.
        type: int
        default: 60
  verify:
    description: The site as a visitor reaches it, asked after the switch.
    type: dict
    default: {}
    suboptions:
      domain:
        description: Name of the site; empty asks nothing.
        type: str
        default: ""
      address:
        description: Address that is connected to.
        type: str
        default: 127.0.0.1
      port:
        description: TLS port that is connected to.
        type: int
        default: 443
  web:
    description: Who serves the app to visitors, and what of it by itself.
    type: dict
    default: {}
    suboptions:
      user:
        description:
          - User of the web server. It is let in to the release's socket and to O(web.folders), and to nothing else;
            empty lets nobody in.
        type: str
        default: ""
      service:
        description: Its service, reloaded once on a host where that user was in the app's group.
        type: str
        default: nginx.service
      folders:
        description:
          - Folders that it serves. Of the code or shared ones by their name, others that the app writes by their path.
        type: list
        elements: str
        default: []
  check_seconds:
    description: How long importing the app may take, in seconds; then it is given up, and where it was is told.
    type: int
    default: 120
  writes_at_import:
    description:
      - Whether the app can't be imported without writing to its database or its folders. It is then not imported before the
        stage migrate, which imports it once, alone and after a dump of the database.
      - Otherwise it is imported where nothing can be written, and C(create_all()) and Alembic's C(upgrade) are left out.
    type: bool
    default: false
  watch_seconds:
    description:
      - How long visitors' answers from the switched release are watched; it switches back when they are worse than before.
        0 is not at all.
    type: int
    default: 5
  notifications:
    description: Webhooks that the controller tells how it ended.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: Address of the webhook (secret).
        type: str
        required: true
      format:
        description: The summary as JSON, or a text as Slack or Discord take it.
        type: str
        choices: [slipway, slack, discord]
        default: slipway
  drain_seconds:
    description: How long connections that wait for the release before are waited for.
    type: int
    default: 30
  hooks:
    description:
      - Files of tasks on the controller by the hook at which they are run, such as C(after_switch); the module stops there
        and tells RV(hook). A relative path counts from the inventory's folder.
    type: dict
    default: {}
  hook_seconds:
    description: How long the tasks of one hook may take before the app is free for another run, in seconds.
    type: int
    default: 900
  resume:
    description: RV(hook) of the call that stopped; its release goes on.
    type: dict
    default: {}
  gave_up:
    description: Why the tasks of the hook of O(resume) failed; the release is given up as by a stage that fails.
    type: str
    default: ""
"""
