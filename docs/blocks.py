"""Blocks of a page that are made by a program, between comments that name them."""

from __future__ import annotations

import re


def with_block(page: str, name: str, content: str) -> str:
    """The page with one block made anew; text outside it is kept.

    Args:
        page: Markdown with `<!-- NAME: ... -->` and `<!-- end of NAME -->`.
        name: of the block.
        content: with the newline that it ends with; an empty line comes before it.

    Raises:
        ValueError: the block is missing or there twice.
    """
    pattern = re.compile(rf"(<!-- {name}:[^>]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    page, count = pattern.subn(lambda found: f"{found[1]}\n{content}\n{found[2]}", page)
    if count != 1:
        raise ValueError(f"expected one block {name!r} (<!-- {name}: ... -->), found {count}")
    return page
