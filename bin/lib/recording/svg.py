# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An animated SVG of a screen: text and CSS only, so that it moves inside an <img>, is light or dark as the reader's page,
and stands still, at its end, for readers who want no motion."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from recording.screen import Shown

LINE, CHARACTER, MARGIN, BAR = 19, 8.43, 14, 34
"""Pixels: height of a line, width of a character of the 14 px font, margin, title bar."""
HOLD = 7.0
"""Seconds that the end stays before it begins again."""

LIGHT = {"bg": "fbfbfd", "bar": "e9eaf0", "fg": "24292f", "dim": "59636e", "c1": "b3201a", "c2": "116329", "c3": "7a4f00",
         "c4": "0550ae", "c5": "7b2ea8", "c6": "115e6b"}  # fmt: skip
DARK = {"bg": "14171c", "bar": "22262e", "fg": "e3e7ec", "dim": "9aa4b0", "c1": "ff8078", "c2": "6fdc86", "c3": "edc75b",
        "c4": "7db7ff", "c5": "d9a5ff", "c6": "66d5e3"}  # fmt: skip
"""Colours of both themes; each text has a contrast of at least 4.5 to its ground (WCAG 2.2, 1.4.3)."""
FONT = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace'


def style(seconds: float, last: int) -> str:
    """Return the rules of a picture that takes SECONDS and ends moved by LAST pixels."""
    light, dark = ("".join(f"--{name}:#{value};" for name, value in theme.items()) for theme in (LIGHT, DARK))
    colours = "".join(f".{name}{{fill:var(--{name})}}" for name in LIGHT if name.startswith("c"))
    return f"""
svg{{{light}}}
@media(prefers-color-scheme:dark){{svg{{{dark}}}}}
text{{font:14px {FONT};fill:var(--fg);white-space:pre}}
.bar{{fill:var(--bar)}}.bg{{fill:var(--bg)}}.t{{font-size:12px;fill:var(--dim)}}.c0,.c7{{fill:var(--dim)}}{colours}
#s{{animation:s {seconds:.2f}s step-end infinite}}.l{{visibility:hidden;animation:{seconds:.2f}s step-end infinite}}
@media(prefers-reduced-motion:reduce){{#s{{animation:none;transform:translateY({last}px)}}
.l{{animation:none!important}}.e{{visibility:visible}}}}
"""


def picture(shown: Sequence[Shown], columns: int, rows: int, title: str, label: str) -> str:
    """Return the SVG of a screen of COLUMNS and ROWS; TITLE stands in its bar, LABEL is read to who can't see it."""
    end = max(one.start for one in shown) + HOLD
    width, height = round(columns * CHARACTER + 2 * MARGIN), rows * LINE + BAR + MARGIN
    rules, looks, names = [], [], dict[str, str]()

    def percent(at: float) -> str:
        return f"{at / end * 100:.2f}".rstrip("0").rstrip(".") + "%"

    for one in sorted(shown, key=lambda one: (one.row, one.start)):
        text = "".join(
            f'<tspan class="{name}">{escape(part)}</tspan>' if name else escape(part) for name, part in one.spans
        ).rstrip()
        if not text:
            continue
        frames = f"{percent(one.start)}{{visibility:visible}}" + (
            f"{percent(one.end)}{{visibility:hidden}}" if one.end is not None else ""
        )
        if frames not in names:
            names[frames] = f"k{len(names)}"
            rules.append(f"@keyframes {names[frames]}{{{frames}}}")
        still = "l e" if one.end is None else "l"
        looks.append(
            f'<text class="{still}" y="{one.row * LINE + 14}" style="animation-name:{names[frames]}">{text}</text>'
        )
    steps, top = [], 0
    for one in shown:
        if one.row - rows + 1 > top:
            top = one.row - rows + 1
            steps.append(f"{percent(one.start)}{{transform:translateY({-top * LINE}px)}}")
    rules.append(f"@keyframes s{{0%{{transform:none}}{''.join(steps)}}}")
    rules.insert(0, style(end, -top * LINE))
    body, css, size = "\n".join(looks), "\n".join(rules), f'width="{width}" height="{height}"'
    bar = f"M0 {BAR - 8}V8a8 8 0 0 1 8-8H{width - 8}a8 8 0 0 1 8 8V{BAR - 8}Z"
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" role="img" aria-label={quoteattr(label)}>
<style>{css}</style>
<rect class="bg" {size} rx="8"/><path class="bar" d="{bar}"/>
<text class="t" x="{MARGIN}" y="18">{escape(title)}</text>
<svg x="{MARGIN}" y="{BAR}" width="{width - MARGIN}" height="{rows * LINE}"><g id="s">
{body}
</g></svg>
</svg>
"""
