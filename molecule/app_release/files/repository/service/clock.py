"""A small app whose every part comes from a release: code, environment, files, build, shared folder."""

import os
from pathlib import Path

from flask import Flask, jsonify, request

HERE = Path(__file__).parent


def create_app():
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]

    @app.get("/")
    def index():
        return jsonify(
            version=(HERE / "VERSION").read_text().strip(),
            release=os.environ["RELEASE_ID"],
            greeting=os.environ["GREETING"],
            settings=Path(os.environ["SETTINGS_FILE"]).read_text(),
            built=(HERE / "built.txt").read_text(),
            uploads=sorted(path.name for path in (HERE / "uploads").iterdir()),
            scheme=request.scheme,
        )

    @app.post("/uploads/<name>")
    def upload(name):
        (HERE / "uploads" / name).write_bytes(request.get_data())
        return "", 201

    return app
