"""Find quotations by the marks of all conventions of the region: „ “ ” “ ” » « « » " ' ‚ ‘ ’.

One mark opens in one country and closes in the next (“ closes in Serbian and opens in English), so each is read by its
neighbours and by what is open.
"""

from __future__ import annotations

import re

# Mark -> marks that may close what it opened.
_CLOSES = {
    "„": "“”\"„",
    "“": "”“\"",
    "”": "”“",
    "»": "«»",
    "«": "»«",
    '"': '"”“',
    "‚": "‘’'",
    "‘": "’'",
    "'": "'’",
    "‹": "›",
}
_MARKS = re.compile("[„“”»«\"‚‘’'‹›]")
_BEFORE_OPENING = frozenset(" \t\n([{–—-/:" + "„“”»«\"‚‘'‹")
_AFTER_CLOSING = frozenset(" \t\n)]}.,;:!?…–—-/" + "„“”»«\"’‘'›")
_UNCLOSED_LIMIT = 2000  # characters; a mark that opens and never closes is taken for a slip beyond it


def find_quotes(text: str) -> list[tuple[int, int]]:
    """Outermost quotations as (begin, stop), marks included, in order.

    A quotation that never closes ends with its paragraph, as where each paragraph of a long quotation opens anew.
    """
    quotes: list[tuple[int, int]] = []
    open_marks: list[tuple[str, int]] = []
    paragraph_end = -1
    for match in _MARKS.finditer(text):
        at, mark = match.start(), match.group()
        if open_marks and at > paragraph_end:
            _close_at(quotes, open_marks[0][1], paragraph_end)
            open_marks = []
        before = text[at - 1] if at else " "
        after = text[at + 1] if at + 1 < len(text) else " "
        if _is_apostrophe(mark, before, after):
            continue
        depth = _closing_depth(open_marks, mark, before, after)
        if depth is not None:
            if depth == 0:
                quotes.append((open_marks[0][1], at + 1))
            del open_marks[depth:]
        elif mark in _CLOSES and before in _BEFORE_OPENING and not after.isspace() and not _is_open(open_marks, mark):
            if not open_marks:
                paragraph_end = _paragraph_end(text, at)
            open_marks.append((mark, at))
    if open_marks:
        _close_at(quotes, open_marks[0][1], paragraph_end)
    return quotes


def _is_apostrophe(mark: str, before: str, after: str) -> bool:
    return mark in "'’‘" and before.isalnum() and after.isalnum()


def _is_open(open_marks: list[tuple[str, int]], mark: str) -> bool:
    return any(opened == mark for opened, _ in open_marks)


def _closing_depth(open_marks: list[tuple[str, int]], mark: str, before: str, after: str) -> int | None:
    if before.isspace() or (after not in _AFTER_CLOSING and not after.isspace()):
        # “ and " before a letter open; a closing mark glued to the next word is only believed where nothing else fits.
        if not (mark in "”»«" and open_marks and not before.isspace()):
            return None
    for depth in range(len(open_marks) - 1, -1, -1):
        if mark in _CLOSES[open_marks[depth][0]]:
            return depth
    return None


def _close_at(quotes: list[tuple[int, int]], begin: int, end: int) -> None:
    if end - begin <= _UNCLOSED_LIMIT:
        quotes.append((begin, end))


def _paragraph_end(text: str, at: int) -> int:
    end = text.find("\n\n", at)
    return len(text) if end < 0 else end
