"""Words of a .nk file: bare, "quoted" or {braced}."""

from __future__ import annotations

import re

ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class Word(str):
    braced: bool

    def __new__(cls, text: str, braced: bool = False) -> Word:
        word = str.__new__(cls, text)
        word.braced = braced
        return word


def quote(text: str) -> str:
    """A word that reads back as `text`."""
    if re.fullmatch(r"[\w./:%@~=*+,&<>?!'-][\w./:%@~=*+,&<>?!'#-]*", text, re.ASCII):
        return text
    for raw, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        text = text.replace(raw, escaped)
    return '"' + re.sub(r"([\[\]{}$])", r"\\\1", text) + '"'


def _braced(text: str, at: int) -> int:
    """Index after the brace that closes the one at `at`."""
    depth = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] in "{}":
            depth += 1 if text[at] == "{" else -1
            if not depth:
                return at + 1
        at += 1
    raise RuntimeError("missing close-brace")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found.group(1), found.group(1)), text, flags=re.DOTALL)


def commands(text: str) -> list[list[Word]]:
    """The commands of a script, each as its words.

    Raises:
        RuntimeError: a brace or quote that nothing closes.
    """
    out: list[list[Word]] = []
    words: list[Word] = []
    at = 0
    while at < len(text):
        letter = text[at]
        if letter in "\n;":
            if words:
                out.append(words)
            words, at = [], at + 1
        elif letter.isspace():
            at += 1
        elif letter == "#" and not words:
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif letter == "\\" and text[at + 1 : at + 2] == "\n":
            at += 2
        elif letter == "{":
            end = _braced(text, at)
            words.append(Word(text[at + 1 : end - 1], braced=True))
            at = end
        elif letter == '"':
            end = at + 1
            while end < len(text) and text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            if end >= len(text):
                raise RuntimeError("missing close-quote")
            words.append(Word(_unescaped(text[at + 1 : end])))
            at = end + 1
        elif letter == "[":
            end = text.find("]", at) + 1
            if not end:
                raise RuntimeError("missing close-bracket")
            words.append(Word(text[at:end]))
            at = end
        else:
            match = re.match(r"(?:\\.|[^\s;{}\"\\])+", text[at:])
            if not match:
                raise RuntimeError(f"syntax error at {text[at : at + 20]!r}")
            words.append(Word(_unescaped(match.group())))
            at += match.end()
    if words:
        out.append(words)
    return out


def words_of(text: str) -> list[Word]:
    """The words of one list, line ends between them or not."""
    return [word for command in commands(text) for word in command]
