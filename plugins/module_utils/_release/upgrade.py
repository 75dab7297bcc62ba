# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a deploy between build and start, check and migrate: what the app says of itself, and its release commands.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._app import secret_key
from ansible_collections.slipway.flask.plugins.module_utils._migration import failure
from ansible_collections.slipway.flask.plugins.module_utils._migration import probe as migration_probe
from ansible_collections.slipway.flask.plugins.module_utils._process.base import alone
from ansible_collections.slipway.flask.plugins.module_utils._release import probe as release_probe
from ansible_collections.slipway.flask.plugins.module_utils._release import storage, vulnerable
from ansible_collections.slipway.flask.plugins.module_utils._release.connections import Connections
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.migrations import (
    UPGRADE,
    Migrations,
    commands_of,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.once import Once, label_of
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Command


class Upgrade:
    """Looks at the app of a release and runs its release commands; of what serves, only the database is touched."""

    def __init__(self, context: Context) -> None:
        self.context, self.request, self.paths = context, context.request, context.paths
        self.probed, self.question, self.unseen = migration_probe.Probe(), dict[str, Any](), False
        self.migrations, self.connections = Migrations(context), Connections(context)

    def check(self) -> None:
        """Import the app once, alone; refuse debug mode, a SECRET_KEY that anybody can guess, and dangerous migrations.

        Before that, what `audit` refuses, and object storage that lets it not in: none of its code has run in the release then.
        """
        vulnerable.check(self.context)
        storage.check(self.context)
        self._set_up()
        commands = self._commands()
        self.question = {"sql": self.request.migrations.mode != "off", **commands_of(commands)}
        if self.request.plan:
            self.question |= {"sql": True, "empty": True, "server": True}
        for process in self.context.processes:
            self.question |= process.question(self.context.record.id)
        self._probe(self.question)
        if self.probed.threads:
            switch = (
                ""
                if alone(self.context.processes)
                else ", two releases during a switch (unless `handover: stop_first`)"
            )
            self.context.notes.append(
                f"the app starts threads when it is imported ({', '.join(self.probed.threads)}): each worker of each release "
                f"will have its own{switch}; the check stopped them"
            )
        if self.unseen:
            self.migrations.expect_anything()
            self.context.notes.append(
                "the app writes when it is imported (writes_at_import), so the check could not see what it does: "
                + release_probe.written([*self.probed.wrote, *[self.probed.unwritable] * bool(self.probed.unwritable)])  # type: ignore[list-item]
            )
            return
        self._settings()
        if self.probed.wrote:
            self.context.notes.append(
                f"the app writes when it is imported: {release_probe.written(self.probed.wrote)}. The check skipped it; "
                "it is done at 'migrate', once and alone, before a worker starts"
            )
        self.migrations.judge(self.probed, commands)

    def _set_up(self) -> None:
        """Run what the app needs before its code is imported; a plan, which changes nothing of the host, only tries."""
        for entry in self.request.setup_commands:
            words = app_command.split(entry.command)
            if not self.request.plan:
                self.context.command(words, "release")
            elif self.context.look(app_command.argv(words), self.request.check_seconds).returncode:
                self.context.notes.append(
                    f"a plan changes nothing, so `{app_command.label(words)}` of setup_commands could not take effect: "
                    "what the plan says of the app may be wrong where the app depends on it"
                )

    def _probe(self, question: dict[str, Any]) -> None:
        """Import the app where nothing can be written; one that can't do without is left for `migrate`, when it may."""
        answer = release_probe.ask(self.context, question)
        blocked = bool(answer.failed and (answer.probe.unwritable or answer.probe.wrote))
        self.unseen = blocked and self.request.writes_at_import
        if answer.failed and not self.unseen:
            raise ReleaseError(answer.failed)
        self.probed = answer.probe

    def _settings(self) -> None:
        """Refuse settings that are not for the public, and more connections than the database takes."""
        if self.probed.debug:
            raise ReleaseError(
                "the app runs in debug mode, whose console lets anybody run code; remove DEBUG from its settings"
            )
        key = self.probed.secret_key
        found = secret_key.problems("SECRET_KEY", {"SECRET_KEY": key}) if key is not None else []
        if found:
            raise ReleaseError(f"the app's own setting: {found[0]}")
        if self.probed.miscalled:
            raise ReleaseError(f"'wsgi' is '{self.request.wsgi}': {self.probed.miscalled}")
        if self.probed.apart:
            raise ReleaseError(self.probed.apart)
        self.connections.check(self.probed)

    def migrate(self) -> None:
        """Run the release commands; `flask db upgrade` only if the database is not known to be at the code's head."""
        self.context.record.heads_before = known(self.probed.current)
        once, ask_again = self.context.once(), False
        if self.unseen or self.probed.wrote:
            self._import_once()
        for entry in self.request.release_commands:
            words = app_command.split(entry.command)
            if entry.once and self._has_run(once, entry):
                continue
            takes = self.migrations.takes(words, self.probed)
            if takes and ask_again:
                # What ran before may have moved the database: `flask db stamp`, one of the app's own.
                self._probe_again(self.question)
                self.migrations.judge_again(self.probed)
                ask_again = False
            if words == UPGRADE and self.probed.at_head:
                continue
            if takes:
                self.probed = self.migrations.run(words, self.probed)
            else:
                self.context.command(words, "release")
                ask_again = True
            if entry.once:
                once.add(entry)
        if ask_again and self.probed.heads is not None:
            self._probe_again({**self.question, "sql": False})
        self.context.record.heads_after = known(self.probed.current)
        self.context.save()

    def undo_migrate(self) -> str:
        """Return what to say of a schema that is newer now; what has been migrated stays."""
        return newer_schema(self.context.record.heads_before, self.context.record.heads_after)

    def _has_run(self, once: Once, entry: Command) -> bool:
        """Tell whether a command that runs but once has run, and note under which other name."""
        name, known_as = entry.known_as, once.has_run(entry)
        if known_as and known_as != name:
            self.context.notes.append(
                f"the command '{name}' runs only once and counts as run on {once.ran[name][:10]}, when commands had no names yet"
            )
        return bool(known_as)

    def _import_once(self) -> None:
        """Import an app that writes then, alone and with the right to; what it says of itself counts from here on."""
        self.probed = self.migrations.import_once(self.probed)
        self._settings()
        self._probe_again(self.question)
        self.migrations.judge_again(self.probed)

    def _probe_again(self, question: dict[str, Any]) -> None:
        """Ask once more what may have changed; an app that can't be imported without writing has said it as it wrote."""
        answer = release_probe.ask(self.context, question)
        if answer.failed and not self.request.writes_at_import:
            raise ReleaseError(answer.failed)
        if not answer.failed:
            self.probed = answer.probe

    def _commands(self) -> list[list[str]]:
        """Return the words of the release commands that are to run now."""
        once = self.context.once()
        return [
            app_command.split(entry.command)
            for entry in self.request.release_commands
            if not entry.once or (entry.known_as not in once.ran and label_of(entry.command) not in once.unnamed)
        ]


def known(heads: tuple[str, ...] | None) -> list[str] | None:
    """Return migration heads as a record holds them."""
    return None if heads is None else list(heads)


def newer_schema(before: list[str] | None, after: list[str] | None) -> str:
    """Return what to say of a release that migrated and then failed, "" when the schema is where it was."""
    if after is None or before == after:
        return ""
    return (
        f"\nThe database was migrated before that, from {failure.state(before)} to {failure.state(after)}, and "
        "stays so: the live release was made for the older schema. The next deploy continues from there"
    )
