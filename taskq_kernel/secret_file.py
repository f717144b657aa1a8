"""Reading a secret from a file, without ever showing what is in it."""

from __future__ import annotations

from pathlib import Path

from taskq_kernel.errors import SettingsError


def read_secret_file(file: Path, variable: str) -> str:
    """What a file holds, without the white space around it.

    Raises
    ------
    SettingsError
        If it cannot be read or holds no text. It names the variable and the file.
    """
    called = f"{variable} {str(file)!r}"
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{called}: {error.strerror}") from error
    except ValueError:  # a NUL in its name, or bytes that are no text; the cause would quote them
        raise SettingsError(f"{called}: it holds no text in UTF-8") from None
    if not secret:
        raise SettingsError(f"{called}: it is empty")
    return secret
