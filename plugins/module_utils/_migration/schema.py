# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where an app's migrations are and where its database is: Flask-Migrate's, another folder's, or plain Alembic's.

`SCRIPT` runs under the app's own Python (3.9 or later) and is shared by the question (`probe`) and the run (`run`).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

SCRIPT = r'''
import contextlib, os


def versions(extension):
    """Return the options under which an app keeps its migration head elsewhere than in `alembic_version`."""
    names = ("version_table", "version_table_schema")
    return {name: value for name, value in (extension.configure_args or {}).items() if name in names}


def heads_of(connection, options):
    """Return the database's migration heads."""
    from alembic.migration import MigrationContext

    return sorted(MigrationContext.configure(connection, opts=options).get_current_heads())


def text(statement):
    from sqlalchemy import text

    return text(statement)


def option(argv, *names):
    """Return the value that a command line gives an option, "" for none."""
    for place, word in enumerate(argv):
        for name in names:
            if word == name:
                return argv[place + 1] if place + 1 < len(argv) else ""
            if word.startswith(name + "=") or (len(name) == 2 and word.startswith(name) and len(word) > 2):
                return word[len(name):].lstrip("=")
    return ""


class Place:
    """One folder of migrations and the database that they are for. ARGV is the command that runs them."""

    def __init__(self, app, argv):
        self.argv, self.made, self.configuration = argv, None, None
        self.extension = (getattr(app, "extensions", None) or {}).get("migrate")
        if any(os.path.basename(word) == "alembic" for word in argv):
            self.extension = None
        self.context = getattr(app, "app_context", contextlib.nullcontext)
        self.folder = option(argv, "-d", "--directory")
        self.usual = self.extension is not None and (
            not self.folder or os.path.realpath(self.folder) == os.path.realpath(self.extension.directory))

    @property
    def config(self):
        """Alembic's configuration."""
        if self.configuration is None:
            argv = self.argv
            more = [argv[place + 1] for place, word in enumerate(argv[:-1]) if word in ("-x", "--x-arg")]
            if self.extension is not None:
                extra = {"x_arg": more} if more else {}
                folder = self.folder or self.extension.directory
                self.configuration = self.extension.migrate.get_config(folder, **extra)
            else:
                self.configuration = self.plain(more)
        return self.configuration

    def plain(self, more):
        import types

        from alembic.config import Config

        file = option(self.argv, "-c", "--config") or os.environ.get("ALEMBIC_CONFIG") or "alembic.ini"
        if not os.path.exists(file):
            raise FileNotFoundError(f"there is no {file}")
        section = option(self.argv, "-n", "--name") or "alembic"
        return Config(file, ini_section=section, cmd_opts=types.SimpleNamespace(x=more))

    @property
    def engine(self):
        """The database's engine, None when it can't be known."""
        if self.extension is not None:
            return self.extension.db.engine
        if self.made is None:
            url = os.environ.get(ask.get("variable", ""), "") or self.config.get_main_option("sqlalchemy.url") or ""
            self.made = engine_of(url)
        return self.made

    def current(self, connection=None):
        """Return the database's heads: over CONNECTION where that is enough, else as `alembic current` finds them."""
        if self.usual:
            if connection is not None:
                return heads_of(connection, versions(self.extension))
            with self.engine.connect() as made:
                return heads_of(made, versions(self.extension))
        from alembic.runtime.environment import EnvironmentContext
        from alembic.script import ScriptDirectory

        found, script = set(), ScriptDirectory.from_config(self.config)

        def look(revision, context):
            found.update(context.get_current_heads())
            return []

        with EnvironmentContext(self.config, script, fn=look, dont_mutate=True):
            script.run_env()
        return sorted(found)


def engine_of(url):
    from sqlalchemy import create_engine

    if not url or "://" not in url:
        return None
    return create_engine("postgresql://" + url[11:] if url.startswith("postgres://") else url)
'''
"""Needs `ask`: `variable` is the environment's name of the database's URL."""
