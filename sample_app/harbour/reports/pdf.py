# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The log on paper: A4 pages with one line for each entry.

pydyf writes the file format and needs nothing else; what it leaves to its caller, where a word stands, is below. Every
reader has the font (Helvetica), with the letters of western Europe: another one loses its accent, or becomes a `?`.
"""

from __future__ import annotations

import io
import unicodedata

import pydyf

from ..daybook import Entry

WIDTH, HEIGHT, MARGIN = 595, 842, 50  # points: A4
ROW, FIRST_ROW = 30, HEIGHT - 125
INK, SOFT, SEA, LINE = (0.07, 0.19, 0.25), (0.32, 0.4, 0.44), (0.06, 0.38, 0.45), (0.88, 0.86, 0.8)
ENCODING = "cp1252"  # PDF's WinAnsiEncoding


class Paper:
    """A document that takes one entry after the other."""

    def __init__(self, title: str, release: str = "") -> None:
        self.title, self.release, self.count = title, release, 0
        self.document = pydyf.PDF()
        self.document.info.update(Title=pydyf.String(title), Producer=pydyf.String("Harbour"))
        fonts = {name: self._font(base) for name, base in (("R", "Helvetica"), ("B", "Helvetica-Bold"))}
        self.resources = pydyf.Dictionary({"Font": pydyf.Dictionary(fonts)})
        self.pages: list[pydyf.Stream] = []
        self.y = 0

    def add(self, entry: Entry) -> None:
        if not self.pages or self.y < MARGIN + ROW:
            self._new_page()
        page, y = self.pages[-1], self.y
        _write(page, "B", 11, INK, MARGIN, y, entry.time)
        _write(page, "R", 9, SEA if entry.what == "Arrival" else SOFT, MARGIN + 40, y, entry.what)
        _write(page, "B", 10, INK, MARGIN + 95, y, f"{_fit(entry.ship, 32)} ({entry.flag})")
        _write(page, "R", 9, SOFT, MARGIN + 95, y - 11, _fit(f"{entry.route} \u00b7 {entry.cargo}", 62))
        _write(page, "R", 9, INK, MARGIN + 400, y, _fit(entry.berth, 20))
        _rule(page, y - 17)
        self.y -= ROW
        self.count += 1

    def content(self) -> bytes:
        """The finished file."""
        if not self.pages:
            self._new_page()
            _write(self.pages[-1], "R", 10, SOFT, MARGIN, self.y, "No arrivals, no departures. Still water.")
        for number, page in enumerate(self.pages, 1):
            footer = f"Page {number} of {len(self.pages)} \u00b7 {self.count} entries, times in UTC"
            _write(page, "R", 8, SOFT, MARGIN, 30, footer + (f" \u00b7 release {self.release}" if self.release else ""))
            self.document.add_object(page)
            settings = {"Type": "/Page", "Parent": self.document.pages.reference, "Contents": page.reference}
            box = pydyf.Array([0, 0, WIDTH, HEIGHT])
            self.document.add_page(pydyf.Dictionary({**settings, "MediaBox": box, "Resources": self.resources}))
        output = io.BytesIO()
        self.document.write(output)
        return output.getvalue()

    def _font(self, base: str) -> bytes:
        values = {"Type": "/Font", "Subtype": "/Type1", "BaseFont": f"/{base}", "Encoding": "/WinAnsiEncoding"}
        font = pydyf.Dictionary(values)
        self.document.add_object(font)
        reference: bytes = font.reference
        return reference

    def _new_page(self) -> None:
        page = pydyf.Stream(compress=True)
        self.pages.append(page)
        self.y = FIRST_ROW
        _write(page, "R", 9, SEA, MARGIN, HEIGHT - 55, "THE HARBOUR-MASTER\u2019S LOGBOOK")
        _write(page, "B", 18, INK, MARGIN, HEIGHT - 80, self.title)
        _rule(page, HEIGHT - 97)


def _write(page: pydyf.Stream, font: str, size: int, color: tuple[float, ...], x: float, y: float, text: str) -> None:
    page.set_color_rgb(*color)
    page.begin_text()
    page.set_font_size(font, size)
    page.move_text_to(x, y)
    page.show_text_string(b"".join(map(_encoded, text)))
    page.end_text()


def _rule(page: pydyf.Stream, y: float) -> None:
    page.set_color_rgb(*LINE, stroke=True)
    page.move_to(MARGIN, y)
    page.line_to(WIDTH - MARGIN, y)
    page.stroke()


def _fit(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "\u2026"


def _encoded(letter: str) -> bytes:
    """The letter as the font has it, without its accent if need be."""
    try:
        return letter.encode(ENCODING)
    except UnicodeEncodeError:
        plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore")
        return plain or b"?"
