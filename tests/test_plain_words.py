"""Docstrings and comments of the product use the field's terms, not words of their own."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

# Each of these hid a standard term, a role or an exact condition.
VAGUE = re.compile(
    r"\b(told|somebody|anybody|whoever|kept|brain|house|hands|upon)\b",
    re.IGNORECASE,
)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Every docstring and comment of a file, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield node.body[0].lineno, text
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def test_docstrings_and_comments_use_no_vague_words() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {match[0]}"
        for path in sorted((ROOT / "feed").rglob("*.py"))
        for line, text in prose(path)
        for match in VAGUE.finditer(text)
    ]
    assert found == []
