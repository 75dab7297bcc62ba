# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Files that visitors send: few kinds, checked by content, stored under a name that nobody chose."""

from __future__ import annotations

import secrets

from werkzeug.datastructures import FileStorage

from .models import Document
from .storage import storage

MEDIA_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "csv": "text/csv",
    "txt": "text/plain",
}
_SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "application/pdf": b"%PDF-"}


def extension(filename: str | None) -> str:
    return (filename or "").rpartition(".")[2].lower()


def looks_like(media_type: str, content: bytes) -> bool:
    """Say whether the content is what the name claims, so that no page or script is served as a picture."""
    if media_type == "image/webp":
        return content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    if media_type in _SIGNATURES:
        return content.startswith(_SIGNATURES[media_type])
    try:
        return "\x00" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def store(upload: FileStorage) -> Document:
    """Keep a checked upload, whole or not at all, and describe it."""
    suffix = extension(upload.filename)
    content = upload.stream.read()
    stored_name = f"{secrets.token_hex(16)}.{suffix}"
    storage().put(stored_name, content, MEDIA_TYPES[suffix])
    return Document(
        stored_name=stored_name,
        original_name=_shown_name(upload.filename or ""),
        media_type=MEDIA_TYPES[suffix],
        size_bytes=len(content),
    )


def discard(document: Document) -> None:
    storage().delete(document.stored_name)


def _shown_name(filename: str) -> str:
    """The visitor's name for the file, for display only: no folders, nothing invisible, at most 120 characters."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable())[-120:]
