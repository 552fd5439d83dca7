"""What OpenImageIO needs and says, where a name or a message is no UTF-8."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maggie_api.text import is_plain


@contextmanager
def utf8_path(path: Path) -> Iterator[str]:
    """A name under which the library reads or writes `path`: the path, or a link to it.

    The library takes file names as UTF-8. Old disks have others.
    """
    if is_plain(str(path)):
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="maggie-") as folder:
        link = os.path.join(folder, "file" + (path.suffix if path.suffix.isascii() else ""))
        os.symlink(path.absolute(), link)
        yield link


def reason_of(image_or_library: Any) -> str:
    """The message of an OpenImageIO reader or writer, or of the library; bytes of the file may be in it."""
    try:
        return image_or_library.geterror()
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "backslashreplace")
