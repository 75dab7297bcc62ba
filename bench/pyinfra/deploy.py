# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The deploy of bench/plain/site.yml as pyinfra's documentation would write it. It is measured beside deploy.yml."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from pyinfra.context import host
from pyinfra.operations import apt, files, git, pip, server, systemd

NAME = host.data.app_name
PORT = host.data.app_port
FOLDER = f"/opt/{NAME}"
TEMPLATES = Path(__file__).resolve().parents[1] / "plain/templates"
ENVIRONMENT = {
    "SECRET_KEY": "4b6f1d5c9a3e7082",
    "DATABASE_URL": f"postgresql+psycopg:///{NAME}?host=/var/run/postgresql",
    "UPLOAD_FOLDER": f"{FOLDER}/uploads",
}
PIP = {"PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"}

apt.packages(
    name="Install system packages",
    packages=["python3-venv", "python3-pip", "nginx", "git", "curl"],
    update=True,
    cache_time=3600,
)
server.user(name="Create the user", user=NAME, system=True, shell="/usr/sbin/nologin", create_home=False)
for folder in (FOLDER, f"{FOLDER}/uploads"):
    files.directory(name=f"Create {folder}", path=folder, user=NAME, group=NAME)
server.shell(
    name="Create the database",
    commands=[
        f"runuser -u postgres -- psql -tAc \"SELECT 1 FROM pg_roles WHERE rolname='{NAME}'\" | grep -q 1 "
        f"|| runuser -u postgres -- createuser {NAME}",
        f"runuser -u postgres -- psql -tAc \"SELECT 1 FROM pg_database WHERE datname='{NAME}'\" | grep -q 1 "
        f"|| runuser -u postgres -- createdb -O {NAME} {NAME}",
    ],
)
git.repo(name="Check out the code", src=host.data.app_repository, dest=f"{FOLDER}/src", branch="main")
pip.venv(name="Create the virtual environment", path=f"{FOLDER}/venv", python="python3")
pip.packages(
    name="Install the requirements",
    requirements=f"{FOLDER}/src/requirements.txt",
    virtualenv=f"{FOLDER}/venv",
    _env=PIP,
)
pip.packages(
    name="Install gunicorn and the database driver",
    packages=["gunicorn==27.0.1", "psycopg[binary]"],
    virtualenv=f"{FOLDER}/venv",
    _env=PIP,
)
files.put(
    name="Write the environment file",
    src=StringIO("".join(f"{name}={value}\n" for name, value in ENVIRONMENT.items())),
    dest=f"/etc/{NAME}.env",
    mode="600",
)
server.shell(
    name="Run the migrations",
    commands=[f"cd {FOLDER}/src && runuser -u {NAME} -- {FOLDER}/venv/bin/flask --app wsgi:app db upgrade"],
    _env=ENVIRONMENT,
)
for template, dest in (
    ("app.service.j2", f"/etc/systemd/system/{NAME}.service"),
    ("nginx.conf.j2", f"/etc/nginx/sites-enabled/{NAME}"),
):
    files.template(
        name=f"Write {dest}", src=str(TEMPLATES / template), dest=dest, app_name=NAME, app_port=PORT, app_folder=FOLDER
    )
systemd.service(name="Restart the app", service=f"{NAME}.service", restarted=True, enabled=True, daemon_reload=True)
systemd.service(name="Reload nginx", service="nginx.service", reloaded=True)
server.shell(
    name="Wait until the app answers",
    commands=[f"curl -sf --retry 50 --retry-delay 1 --retry-all-errors -o /dev/null http://127.0.0.1:{PORT}/readyz"],
)
