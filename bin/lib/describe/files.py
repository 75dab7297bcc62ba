# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Folders: those of static files, which nginx serves, and those that the app writes to, which outlive a release."""

from __future__ import annotations

import ast
import re
from typing import Any

from describe import config, settings
from describe.app import App
from describe.code import SOURCE, UNKNOWN, argument, called, inside, is_main, text
from describe.entry import FLASK
from describe.tree import Module

UPLOADS = re.compile(
    r"UPLOAD\w*_?(FOLDER|DIR\w*|PATH|DEST|ROOT)|UPLOAD_?S?|UPLOADED_\w+_DEST|MEDIA_(ROOT|FOLDER|DIR)"
    r"|FILES?_(DIR|FOLDER|STORE)|STORAGE_(\w+_)?(DIR\w*|PATH|FOLDER)|DATA_(DIR|FOLDER|PATH)|ATTACHMENTS?_(DIR|FOLDER|PATH)"
    r"|\w*_UPLOAD_(FOLDER|DIR)"
)


def find(app: App) -> None:
    """Say `static`, `shared_folders` and `body_size_mb`."""
    static(app)
    instance(app)
    uploads(app)
    written(app)
    body(app)


def static(app: App) -> None:
    """Say the folder that Flask serves below /static/ (flask.Flask: static_url_path, static_folder)."""
    entry = str(app.value("wsgi") or "")
    package = entry.partition(":")[0]
    found: list[tuple[str, str, str]] = []
    for module in app.tree.modules:
        for node in module.nodes:
            if not (isinstance(node, ast.Call) and FLASK.search(called(module, node))):
                continue
            folder: Any = argument(node, 2, "static_folder")
            value = app.values.of(module, folder) if folder is not None else "static"
            url = app.values.of(module, argument(node, 1, "static_url_path"))
            if not isinstance(value, str):
                continue
            base = _base(app, module, argument(node, 0, "import_name"))
            whole = inside(value if value.startswith("/") else f"{SOURCE}/{base}/{value}")
            url = url if isinstance(url, str) else f"/{whole.rpartition('/')[2]}"
            if whole in app.tree.folders and any(path.startswith(f"{whole}/") for path in app.tree.files):
                found.append((f"/{url.strip('/')}/".replace("//", "/"), whole, module.where(node)))
    found.sort(key=lambda one: (not one[1].startswith(package.split(".")[0]), one[1].count("/")))
    for url, folder, where in found:
        if url != "/" and re.fullmatch(r"/([\w.~-]+/)*", url):
            app.also("static", url, folder, f"{where}; nginx serves it")
            return
    if found and found[0][0] == "/":
        app.notes.append(f"{found[0][2]} serves {found[0][1]}/ at /, which the app goes on doing itself")


def _base(app: App, module: Module, name: ast.expr | None) -> str:
    """Return the folder that relative paths of a Flask object count from."""
    said = text(name)
    other = app.tree.by_name.get(said) if said and said != "__main__" else None
    if isinstance(name, ast.Call) and text(argument(name, 0)):
        other = app.tree.by_name.get(text(argument(name, 0)))
    if isinstance(name, ast.Subscript):  # __name__.split(".")[0]
        other = app.tree.by_name.get(module.name.split(".")[0])
    return (other or module).path.rpartition("/")[0]


def instance(app: App) -> None:
    """Say Flask's instance folder where the code makes paths in it."""
    for module in app.tree.modules:
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and node.attr == "instance_path":
                share(app, f"{SOURCE}/instance", f"{module.where(node)} uses Flask's instance folder", folder=True)
                return


def uploads(app: App) -> None:
    """Say the folders that settings name for what visitors send."""
    for one in config.sets(app):
        if not UPLOADS.fullmatch(one.key) or settings.ELSEWHERE.search(one.module.path):
            continue
        value = app.values.of(one.module, one.value)
        if isinstance(value, str) and re.match(r"/(tmp|var/tmp)(/|$)", value):
            app.dangers.append(
                f"{one.where} {one.key} keeps files in {value}, which ends with the release: name another folder"
            )
        elif isinstance(value, str) and re.match(r"/(?!<source>|tmp/|dev/|run/|proc/)[\w./-]+$", value):
            app.say("writable_paths", [value.rstrip("/")], f"{one.where} {one.key}: a folder of the host's", off=True)
        else:
            share(app, value, f"{one.where} {one.key}", folder=True)


def written(app: App) -> None:
    """Say the folders that the code makes, or writes into by a path that can be told."""
    for module in app.tree.modules:
        if re.search(
            r"(^|/)(manage|cli|commands?|scripts?|setup|migrat\w*|seed\w*|gen\w*|import\w*|export\w*)(\.py|/)",
            module.path,
        ):
            continue
        for node in module.nodes:
            if not isinstance(node, ast.Call) or any(is_main(one) for one in module.above(node)):
                continue
            name, attr = called(module, node), node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in ("os.makedirs", "os.mkdir") and node.args:
                share(app, app.values.of(module, node.args[0]), f"{module.where(node)} makes it", folder=True)
            elif attr == "mkdir" and isinstance(node.func, ast.Attribute):
                share(app, app.values.of(module, node.func.value), f"{module.where(node)} makes it", folder=True)
            elif attr == "save" and len(node.args) == 1 and not node.keywords:
                share(app, _folder_of(app, module, node.args[0]), f"{module.where(node)} saves there", folder=True)
            elif re.search(r"(^|\.)(\w*FileHandler)$", name) and node.args:
                share(
                    app,
                    app.values.of(module, node.args[0]),
                    f"{module.where(node)} logs there; better to stdout",
                    folder=False,
                )
            elif name == "open" and re.match(r"[wax]", str(app.values.of(module, argument(node, 1, "mode")))):
                share(
                    app,
                    app.values.of(module, node.args[0]) if node.args else UNKNOWN,
                    f"{module.where(node)} writes there",
                    folder=False,
                )


def _folder_of(app: App, module: Module, node: ast.expr) -> Any:
    """Return the folder of a path whose last part nobody knows: os.path.join(UPLOADS, name)."""
    if isinstance(node, ast.Call) and called(module, node) == "os.path.join" and len(node.args) > 1:
        return app.values.of(module, ast.copy_location(ast.Call(node.func, node.args[:-1], []), node))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return app.values.of(module, node.left)
    return UNKNOWN


def share(app: App, value: Any, why: str, folder: bool) -> None:
    """Say a shared folder for a path that the app writes to, with the danger where it can't be one."""
    path = inside(value)
    if not path:
        return
    if not folder:
        path = path.rpartition("/")[0]
    if app.tree.home and f"{path}/".startswith(app.tree.home) and SOURCE in value:
        app.dangers.append(
            f"{why.split(' ')[0]} writes beside its own code, which is installed where nothing can be written: {path}/"
        )
        return
    if not path:
        app.dangers.append(
            f"{why.split(' ')[0]} writes {inside(value)} beside the code, where nothing can be written: give it a folder of its own"
        )
        return
    code = any(name.startswith(f"{path}/") and name.endswith((".py", ".html")) for name in app.tree.files)
    if code:
        app.dangers.append(f"{why.split(' ')[0]} writes into {path}/, which holds code: give it a folder of its own")
        return
    parts = path.split("/")
    shared = app.value("shared_folders") or []
    if any("/".join(parts[:end]) in shared for end in range(1, len(parts) + 1)):
        return
    for inner in [one for one in shared if one.startswith(f"{path}/")]:
        shared.remove(inner)
    if "static" in parts[:-1] or parts[0] == "static":
        why += "; what is in it is public"
    app.more("shared_folders", path, why)


def body(app: App) -> None:
    """Say the largest request where the app takes more than Slipway's 10 MB."""
    for one in config.of(app, "MAX_CONTENT_LENGTH"):
        value = app.values.of(one.module, one.value)
        if isinstance(value, int) and value > 10 * 1024 * 1024 and not isinstance(value, bool):
            app.say("body_size_mb", min(-(-value // (1024 * 1024)), 10240), f"{one.where} MAX_CONTENT_LENGTH")
            return
