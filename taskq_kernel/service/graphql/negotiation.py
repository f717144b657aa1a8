"""Media types of GraphQL over HTTP."""

from __future__ import annotations

from functools import lru_cache

STRICT_TYPE = "application/graphql-response+json"
JSON_TYPE = "application/json"

_MATCHES = {
    STRICT_TYPE: STRICT_TYPE, JSON_TYPE: JSON_TYPE, "application/*": JSON_TYPE, "*/*": JSON_TYPE,
    "": JSON_TYPE,
}


@lru_cache(maxsize=256)
def accepted(accept: str) -> tuple[str, ...]:
    """The media types of an Accept header, the most wanted first."""
    weighed = []
    for place, part in enumerate(accept.lower().split(",")):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = _weight(value)
        if weight > 0:
            weighed.append((-weight, place, media_type))
    return tuple(media_type for _weight, _place, media_type in sorted(weighed))


def response_type(accept: str) -> str | None:
    """What to answer in; None where nothing fits."""
    return next((_MATCHES[kind] for kind in accepted(accept) if kind in _MATCHES), None)


def wants_page(accept: str) -> bool:
    """Whether a browser asks for a page."""
    kinds = accepted(accept)
    return "text/html" in kinds and STRICT_TYPE not in kinds and JSON_TYPE not in kinds


def is_json(content_type: str) -> bool:
    """Whether a request's body is JSON in UTF-8."""
    media_type, *parameters = (piece.strip().lower() for piece in content_type.split(";"))
    charsets = [value.strip('"') for name, _, value in (item.partition("=") for item in parameters)
                if name.strip() == "charset"]
    return media_type == JSON_TYPE and all(charset.strip() in {"utf-8", "utf8"} for charset in charsets)


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
