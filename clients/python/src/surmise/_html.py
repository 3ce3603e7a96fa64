"""Tables for notebooks, and how numbers are written for people."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Optional

#: Bytes of a value up to which a table shows all of it.
_TEXT_MAX = 200


def percent(p: float) -> str:
    """Write a probability."""
    if p and p < 0.001:
        return f"{100 * p:.1g} %"
    return f"{100 * p:.1f} %" if p < 0.0995 else f"{100 * p:.0f} %"


def number(value: float) -> str:
    """Write a number with as many digits as people read."""
    return f"{value:.6g}"


def bits(value: float) -> str:
    """Write a surprise or an excess."""
    return f"{value:.2f}"


def rarity(events: float) -> str:
    """Write how rare something is."""
    if events < 2:
        return "usual"
    rounded = float(f"{events:.2g}")
    return f"once in {rounded:,.0f} events"


def cell(text: object, right: bool = False, faint: bool = False) -> str:
    """Make a cell of a table."""
    shown = str(text)
    if len(shown) > _TEXT_MAX:
        shown = shown[: _TEXT_MAX - 1] + "…"
    style = ("text-align:right;" if right else "text-align:left;") + ("opacity:.6;" if faint else "")
    return f'<td style="{style}">{escape(shown)}</td>'


def bar(share: float, text: Optional[str] = None) -> str:
    """Make a cell with a bar as long as a share of one."""
    width = round(120 * min(max(share, 0.0), 1.0))
    drawn = f'<div style="width:{width}px;height:.8em;background:#4477aa"></div>'
    return f'<td style="text-align:left" title="{escape(text or percent(share))}">{drawn}</td>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: Optional[str] = None) -> str:
    """Make a table from cells."""
    title = f'<caption style="text-align:left">{escape(caption)}</caption>' if caption else ""
    head = "".join(f'<th style="text-align:left">{escape(text)}</th>' for text in heads)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
