"""What a cell displays before it ends: pieces of its log, in a stream of their own.

The text of such a piece is a JSON object: what there is to show, by MIME type, images in base64. Who reads a log is
given its plain text in that place, unless all of it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

#: The stream of such pieces; no output of a program is in it.
STREAM = "display"
#: What a display may have, but for text.
RICH = ("image/png", "image/svg+xml", "text/html", "text/latex", "text/markdown")
#: As what a display reads well where text is all that is shown; of others only the type is told.
_READABLE = ("text/plain", "text/markdown", "text/latex")

_decoder = msgspec.json.Decoder(dict[str, str])


def piece_of(bundle: Mapping[str, str], note: str = "") -> str:
    """The text of a piece of a log.

    Parameters
    ----------
    bundle : dict of str
        What there is to show, by MIME type; of other types than these nothing is kept.
    note : str
        What was left out, in a sentence for the reader.
    """
    kept = {mime: text for mime, text in bundle.items() if mime in RICH}
    if note or "text/plain" in bundle:
        kept["text/plain"] = _plain(bundle, note)
    return msgspec.json.encode(kept).decode()


def bundle_of(piece: str) -> dict[str, str]:
    """What there is to show, by MIME type, plain text always; of a text that is no such piece nothing but that."""
    try:
        bundle = _decoder.decode(piece)
    except (msgspec.MsgspecError, UnicodeError):
        return {"text/plain": piece}
    return {mime: text for mime, text in bundle.items() if mime in RICH} | {"text/plain": _plain(bundle, "")}


def text_of(piece: str) -> str:
    """What stands in a log of plain text where a display was: lines of their own."""
    return bundle_of(piece)["text/plain"].replace("\0", "\ufffd") + "\n"


def _plain(bundle: Mapping[str, str], note: str) -> str:
    said = next((bundle[mime] for mime in _READABLE if mime in bundle), None)
    if said is None:
        said = f"[{', '.join(mime for mime in RICH if mime in bundle)}]"
    return f"{said}\n({note})" if note else said
