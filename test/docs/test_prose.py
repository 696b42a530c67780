"""Rules of prose that a program can check: banned phrases, long sentences, and the form of the changelog."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
SOURCES = sorted(path for name in ("depth_sr_ros", "training", "launch") for path in (ROOT / name).rglob("*.py"))

# not idiomatic, or a private metaphor; with what to write instead
BANNED = {
    r"made[- ]up": "synthetic",
    r"the hall\b": "name the module",
    r"rooms? that knows?": "name the module",
    r"\b(?:is|are) told (?:in|on|of|beside)\b": "reported, logged, listed",
    r"\bc(?:an|ould) be had\b": "can be read, is available",
    r"\bone's own\b": "your own",
    r"\bof another cut\b": "from another split",
    r"\bgone on with\b": "continued",
    r"\bstarts? afresh\b": "starts from scratch",
    r"\bwhat is asked\b": "what is requested",
    r"\bchange one of both\b": "change one of them",
    r"\bis nothing to warn of\b": "needs no warning",
}
LONGEST_SENTENCE = 45
LONGEST_RELEASE = 26
SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def _messages(source: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string of a file that is not a docstring; an f-string's values are left out."""
    tree = ast.parse(source.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | parts:
            yield node.lineno, node.value


def _banned(text: str) -> list[str]:
    text = " ".join(text.split())
    return [f"{word!r}: {remedy}" for word, remedy in BANNED.items() if re.search(word, text, re.IGNORECASE)]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_are_free_of_banned_phrases(page: Path) -> None:
    assert _banned(page.read_text()) == []


def test_messages_are_free_of_banned_phrases() -> None:
    found = {f"{path.relative_to(ROOT)}:{line}": _banned(text) for path in SOURCES for line, text in _messages(path)}
    assert {place: phrases for place, phrases in found.items() if phrases} == {}


def test_a_banned_phrase_is_found_across_lines_and_inside_an_f_string(tmp_path: Path) -> None:
    code = '"""A made-up docstring."""\nprint(f"{1} frames of a made-"\n      "up scene")\n'
    (tmp_path / "source.py").write_text(code)
    ((line, text),) = [found for found in _messages(tmp_path / "source.py") if _banned(found[1])]
    assert line == 2 and text == " frames of a made-up scene"
    assert _banned("nothing could\nbe had") == ["'\\\\bc(?:an|ould) be had\\\\b': can be read, is available"]


def _sentences(page: str) -> Iterator[str]:
    """Sentences outside code, tables, headings and generated blocks; each item of a list begins a new one."""
    page = re.sub(r"^```.*?^```$", "\n", page, flags=re.DOTALL | re.MULTILINE)
    page = re.sub(r"<!-- (\w+)\b[^>]*-->.*?<!-- end of \1 -->", "\n", page, flags=re.DOTALL)
    lines = ["" if re.match(r"\||#|<!--|!\[", line) else line for line in page.splitlines()]
    text = re.sub(r"^\s*(?:[-*]|\d+\.) ", "\n\n", "\n".join(lines), flags=re.MULTILINE)
    for paragraph in re.split(r"\n\s*\n", text):
        yield from re.split(r"(?<=[.!?:])[*_)]*\s+(?=[A-Z0-9`*\[(])", " ".join(paragraph.split()))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_sentences_are_short(page: Path) -> None:
    long = [sentence for sentence in _sentences(page.read_text()) if len(sentence.split()) > LONGEST_SENTENCE]
    assert long == []


def test_a_long_sentence_is_found_and_tables_and_code_are_not_counted() -> None:
    long = "Word " * 46
    generated = f"<!-- a: b -->\n{long}\n<!-- end of a -->"
    page = f"# {long}\n\n| {long} |\n\n```\n{long}\n```\n\n{generated}\n\nShort one. {long}end.\n"
    assert [len(sentence.split()) for sentence in _sentences(page) if sentence] == [2, 47]


def _releases() -> list[tuple[str, str, str]]:
    """Version, date and body of each release, in the order of the file."""
    parts = re.split(r"^## (.*)\n", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    found = []
    for heading, body in zip(parts[::2], parts[1::2], strict=True):
        if heading == "[Unreleased]" and not found:
            continue
        match = re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading)
        assert match, f"CHANGELOG.md: expected a heading such as `## [0.1.0] - 2026-11-20`, found `## {heading}`"
        found.append((match[1], match[2], body))
    return found


def test_releases_are_dated_and_newest_first() -> None:
    versions = [tuple(map(int, version.split("."))) for version, _, _ in _releases()]
    dates = [date.fromisoformat(day) for _, day, _ in _releases()]
    assert versions == sorted(set(versions), reverse=True)
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("release", _releases(), ids=lambda release: release[0])
def test_a_release_is_short_and_has_the_sections_of_keep_a_changelog(release: tuple[str, str, str]) -> None:
    lines = [line for line in release[2].splitlines() if line]
    titles = [line.removeprefix("### ") for line in lines if line.startswith("#")]
    assert titles == [section for section in SECTIONS if section in titles]
    assert lines.index(f"### {titles[0]}") <= 2, "at most two lines of introduction"
    entries = lines[lines.index(f"### {titles[0]}") :]
    assert [line for line in entries if not line.startswith(("### ", "- "))] == [], "one line for an entry"
    assert len(lines) <= LONGEST_RELEASE
