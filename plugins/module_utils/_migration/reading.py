# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a migration can do, read in its source, where its SQL can't be written without running it.

`SCRIPT` runs under the app's own Python (3.9 or later), whose syntax the source has. From a revision's `upgrade` (or
`downgrade`) it follows every name to functions, classes and values of the same file and of modules in the folder of the
migrations or of the app, whatever they are called, and collects the methods that are called and the texts that may be SQL.
It says where it can't follow; it never runs anything of what it reads.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

SCRIPT = r'''
import ast, os, sys

READABLE = {"alembic", "sqlalchemy", "flask", "flask_migrate", "flask_sqlalchemy", "sqlmodel", "__future__", *getattr(
    sys, "stdlib_module_names", ("os", "re", "json", "uuid", "datetime", "logging", "typing", "decimal", "enum", "pathlib"))}
OPERATIONS = {
    "add_column", "alter_column", "batch_alter_table", "bulk_insert", "create_check_constraint", "create_exclude_constraint",
    "create_foreign_key", "create_index", "create_primary_key", "create_table", "create_table_comment",
    "create_unique_constraint", "drop_column", "drop_constraint", "drop_index", "drop_table", "drop_table_comment", "execute",
    "f", "get_bind", "get_context", "impl", "inline_literal", "rename_table", "run_async", "schema_obj",
}
HANDLES = {"op", "bind", "conn", "connection", "session", "engine", "cursor", "batch_op"}
NARROWING = {"where", "filter", "filter_by"}
LOADERS = {"import_module", "run_path", "run_module", "spec_from_file_location", "system", "popen", "Popen", "check_call",
           "check_output"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Reading:
    """What can be reached in the revision in PATH. ROOTS are the folders whose modules are read."""

    def __init__(self, path, roots, start):
        self.roots, self.files, self.seen = roots, {}, set()
        self.reached, self.unknown, self.narrowed = [], [], set()  # [what, where] each; calls that have a WHERE
        try:
            if not self.reach(os.path.realpath(path), start):
                self.unsure(f"it has no {start}()", path, 1)
        except (OSError, SyntaxError, ValueError) as error:
            self.unsure(f"{type(error).__name__}: it can't be read", path, 1)

    def add(self, what, path, line, to=None):
        entry = [what, f"{os.path.basename(path)}:{line}"]
        to = self.reached if to is None else to
        if entry not in to:
            to.append(entry)

    def unsure(self, why, path, line):
        self.add(why, path, line, self.unknown)

    def file(self, path):
        """Return the tree of a file, the nodes behind each of its module's names, and its imports."""
        if path not in self.files:
            with open(path, "rb") as source:
                tree = ast.parse(source.read())
            names, imports, todo = {}, {}, list(tree.body)
            while todo:
                node = todo.pop()
                if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                    names.setdefault(node.name, []).append(node)
                    continue
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                for target in targets:
                    for name in ast.walk(target) if target is not None else ():
                        if isinstance(name, ast.Name):
                            names.setdefault(name.id, []).append(node)
                todo += [one for one in ast.iter_child_nodes(node) if isinstance(one, (ast.stmt, ast.excepthandler))]
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    for one in node.names:
                        imports[one.asname or one.name.split(".")[0]] = (one.name if one.asname else one.name.split(".")[0], "")
                elif isinstance(node, ast.ImportFrom):
                    for one in node.names:
                        imports[one.asname or one.name] = ("." * node.level + (node.module or ""), one.name)
            self.files[path] = tree, names, imports
        return self.files[path]

    def module(self, name, beside):
        """Return the file of a module that can be read, "" for another one."""
        bare = name.lstrip(".")
        folders = self.roots
        if bare != name:
            folder = beside
            for _ in range(len(name) - len(bare)):
                folder = os.path.dirname(folder)
            folders = [folder]
        for folder in folders:
            base = os.path.join(folder, *bare.split(".")) if bare else folder
            for path in (base + ".py", os.path.join(base, "__init__.py")):
                if os.path.isfile(path):
                    return os.path.realpath(path)
        return ""

    def reach(self, path, name):
        """Follow NAME of the module in PATH; tell whether it is there."""
        if (path, name) in self.seen:
            return True
        self.seen.add((path, name))
        tree, names, imports = self.file(path)
        for node in names.get(name, ()):
            self.scan(node, path)
        if name not in names and name in imports:
            origin, member = imports[name]
            source = self.module(origin, path)
            inner = self.module(f"{origin}{'' if origin.endswith('.') else '.'}{member}", path) if member else ""
            if inner:
                return True  # a module: its members are followed where they are used
            if source and member == "*":
                return True
            if source and member:
                return self.reach(source, member)
            return True
        if name not in names:
            for origin, member in imports.values():
                source = self.module(origin, path) if member == "*" else ""
                if source and self.reach(source, name):
                    return True
        return name in names

    def imported(self, path, name):
        """Return the file of the module that NAME stands for, and its top-level name; "" for what is none."""
        origin, member = self.file(path)[2].get(name, ("", ""))
        full = f"{origin}{'' if origin.endswith('.') else '.'}{member}" if member else origin
        return (self.module(full, path) if origin else ""), origin.lstrip(".").split(".")[0] or origin

    def scan(self, top, path):
        docs = {id(node.body[0].value) for node in ast.walk(top)
                if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and node.body and isinstance(node.body[0], ast.Expr)}
        inside = set()
        self.narrowed |= {id(inner) for one in ast.walk(top) if isinstance(one, ast.Call)
                          and getattr(one.func, "attr", "") in NARROWING for inner in ast.walk(one.func)}
        for node in ast.walk(top):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.reach(path, node.id)
                if node.id in ("eval", "exec", "compile", "__import__"):
                    self.unsure(f"{node.id}(…)", path, node.lineno)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                source, _ = self.imported(path, node.value.id)
                if source:
                    self.reach(source, node.attr)
            elif isinstance(node, ast.Call):
                self.call(node, path)
            if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)) and id(node) not in docs | inside:
                text = folded(node)
                if text is not None:
                    inside |= {id(one) for one in ast.walk(node)}
                    if len(text.split()) > 1:
                        self.add(text, path, node.lineno)
                    if text.rstrip().endswith(".sql"):
                        self.sql(text, path, node.lineno)

    def call(self, node, path):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        root = function
        while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
            root = root.func if isinstance(root, ast.Call) else root.value
        root = root.id if isinstance(root, ast.Name) else ""
        source, package = self.imported(path, root)
        words = {word.arg for word in node.keywords}
        if name in LOADERS or (package == "subprocess" and name in ("run", "call")):
            self.unsure(f"{name}(…)", path, node.lineno)
        elif name == "getattr" and len(node.args) > 1:
            member = folded(node.args[1])
            if member is None:
                self.unsure("getattr(…) with a name made at run time", path, node.lineno)
            else:
                self.add(f"{member}()", path, node.lineno)
        elif name in ("open", "read_text", "read_bytes") and not any(
            (text := folded(one)) and text.endswith(".sql") for one in ast.walk(self.file(path)[0])
        ):
            self.unsure(f"{name}(…): a file that can't be told", path, node.lineno)
        elif name in ("is_offline_mode",):
            self.unsure("it does something else when only its SQL is written", path, node.lineno)
        elif name in ("execute", "exec_driver_sql", "executescript") and node.args and not is_known(
            node.args[0], self.file(path)[0]
        ):
            self.unsure(f"{name}(…) of what is known only at run time", path, node.lineno)
        elif root == "op" and isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            if name not in OPERATIONS:
                self.unsure(f"op.{name}(…), which is not Alembic's own", path, node.lineno)
        handed = {one.id for one in [*node.args, *(word.value for word in node.keywords)] if isinstance(one, ast.Name)}
        local = not root or bool(source) or root in self.file(path)[1] or root not in self.file(path)[2]
        if package and not local and package not in READABLE and not self.module(package, path) and handed & HANDLES:
            self.unsure(f"{root}.{name}(…) of a package gets the database" if root != name else
                        f"{name}(…) of a package gets the database", path, node.lineno)
        if isinstance(function, ast.Attribute):
            chain = {one.attr for one in ast.walk(function.value) if isinstance(one, ast.Attribute)}
            told = ast.dump(function.value).lower()
            if name == "drop":
                name = "drop_type" if "enum" in told or "type" in told else "" if "index" in told else "drop_table"
            if name == "delete" and (chain & NARROWING or id(node) in self.narrowed):
                name = ""
            if name == "alter_column":
                for word in sorted(words & {"new_column_name", "type_"}):
                    self.add(f"alter_column({word})()", path, node.lineno)
            if name:
                self.add(f"{name}()", path, node.lineno)

    def sql(self, name, path, line):
        """Read a file of SQL that the source names."""
        base = os.path.basename(name)
        for root in [os.path.dirname(path), *self.roots]:
            for folder, folders, files in os.walk(root):
                folders[:] = [one for one in folders if not one.startswith(".") and one not in ("node_modules", "venv")]
                if base in files:
                    with open(os.path.join(folder, base), encoding="utf-8", errors="replace") as file:
                        for text in file.read().split(";"):
                            self.add(text, os.path.join(folder, base), 1)
                    return
        self.unsure(f"the file {base}, which is not there", path, line)
'''
