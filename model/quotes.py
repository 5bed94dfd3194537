"""Find quotations by the marks of all conventions of the region: „ “ ” “ ” » « « » " " ' ‚ ‘ ’.

One mark opens in one country and closes in the next (“ closes in Serbian and opens in English), so each is read by its
neighbours and by what is open. One pass over the marks with bounded look-around.
"""

from __future__ import annotations

import re

# Mark -> marks that may close what it opened.
_CLOSES = {
    "„": '“”"„',
    "“": '”“"',
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
_SINGLE = "'’‘‚"
_BEFORE_OPENING = frozenset(" \t\n([{–—-/:" + "„“”»«\"‚‘'‹")
_AFTER_CLOSING = frozenset(" \t\n)]}.,;:!?…–—-/" + "„“”»«\"’‘'›")
_LIMIT = 2000  # characters that a quotation may hold: one that does not close within them has lost its closing mark
_LOOK_AHEAD = 300
_DECADE = re.compile(r"\d\ds?\b")
_SURE_CLOSING = re.compile(r"(?<=[\s(])['‘](?=\w)|[,.!?…]['’](?!\w)")


def find_quotes(text: str) -> list[tuple[int, int]]:
    """Outermost quotations as (begin, stop), marks included, in order.

    A quotation that never closes ends with its line, as where each paragraph of a long quotation opens anew.
    """
    finder = _Finder(text)
    for match in _MARKS.finditer(text):
        finder.read(match.start(), match.group())
    finder.give_up(len(text) + _LIMIT)
    return finder.quotes


class _Finder:
    """What is open at a place in the text, and the quotations that closed before it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.quotes: list[tuple[int, int]] = []
        self._open: list[tuple[int, str]] = []
        self._nested: list[tuple[int, int]] = []  # complete quotations inside the outermost open one
        self._paragraph_end = -1  # of the outermost open quotation

    def read(self, at: int, mark: str) -> None:
        """Take the next mark of the text."""
        before, after = self._neighbours(at)
        if self._is_apostrophe(at, mark, before, after):
            return
        self.give_up(at)
        opens = mark in _CLOSES and before in _BEFORE_OPENING and not after.isspace()
        if opens and self._open and self._opens_anew(at, mark):
            self._give_up_outermost()
        depth = self._closing_depth(mark, before, after)
        if depth is not None:
            self._close(depth, at + 1)
        elif opens and all(opened != mark for _, opened in self._open):
            self._open.append((at, mark))
            if at > self._paragraph_end:
                self._paragraph_end = _find(self.text, "\n\n", at)

    def give_up(self, at: int) -> None:
        """End the quotations that cannot reach ``at``, another paragraph or too far away."""
        while self._open and (at > self._paragraph_end or at - self._open[0][0] > _LIMIT):
            self._give_up_outermost()

    def _neighbours(self, at: int) -> tuple[str, str]:
        before = self.text[at - 1] if at else " "
        return before, self.text[at + 1] if at + 1 < len(self.text) else " "

    def _is_apostrophe(self, at: int, mark: str, before: str, after: str) -> bool:
        if mark not in _SINGLE:
            return False
        if before.isalnum() and after.isalnum():
            return True
        if not before.isalnum() and _DECADE.match(self.text, at + 1):
            return True  # the '90s
        if before not in "sS" or after != " " or not self.text[at + 2 : at + 3].islower():
            return False
        # "'The Serbs' rights are gone,' he said": a surer mark follows, before another quotation opens.
        found = _SURE_CLOSING.search(self.text, at + 1, at + _LOOK_AHEAD)
        return found is not None and len(found.group()) == 2

    def _opens_anew(self, at: int, mark: str) -> bool:
        """Whether a new line opens the quotation again whose closing mark is missing."""
        begin, outermost = self._open[0]
        if not _starts_line(self.text, at):
            return mark == outermost and self.text.find("\n", begin, at) >= 0
        return True

    def _closing_depth(self, mark: str, before: str, after: str) -> int | None:
        glued = after not in _AFTER_CLOSING and not after.isspace()
        # A mark glued to the next word is only believed to close where it cannot open.
        if glued and (mark not in "”»«" or before in _BEFORE_OPENING):
            return None
        if before.isspace() and after not in ",.;":
            return None
        for depth in range(len(self._open) - 1, -1, -1):
            if mark in _CLOSES[self._open[depth][1]]:
                return depth
        return None

    def _close(self, depth: int, stop: int) -> None:
        begin = self._open[depth][0]
        del self._open[depth:]
        if depth == 0:
            self.quotes.append((begin, stop))
            self._nested.clear()
        elif depth == 1:
            self._nested.append((begin, stop))

    def _give_up_outermost(self) -> None:
        """The outermost quotation ends with its line; what it seemed to hold beyond stands on its own."""
        begin, mark = self._open.pop(0)
        line_end = _find(self.text[begin : begin + _LIMIT], "\n", 0) + begin
        # A single mark that stays open was an apostrophe, and a quotation opens with a capital or a digit.
        if mark not in _SINGLE and not self.text[begin + 1 : begin + 2].islower() and line_end - begin < _LIMIT:
            self.quotes.append((begin, line_end))
        else:
            line_end = begin
        kept = [quote for quote in self._nested if quote[0] >= line_end]
        self.quotes += kept
        self._nested.clear()
        self._open = [opened for opened in self._open if opened[0] >= line_end]


def _starts_line(text: str, at: int) -> bool:
    return at == 0 or text[at - 1] == "\n"


def _find(text: str, what: str, at: int) -> int:
    found = text.find(what, at)
    return len(text) if found < 0 else found
