"""Runs the validator of RO-Crates on zips, without a network, in an environment that has it.

What it would fetch is in its cache before it begins: the context of RO-Crate 1.1, which lies beside this program as
https://w3id.org/ro/crate/1.1/context has it (CC0). Each line that is printed is something that a crate must have,
and has not.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import requests
from requests_cache import CachedSession
from rocrate_validator import services
from rocrate_validator.models import Severity
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
#: As the validator asks for it: with other headers it would be another entry of the cache.
HEADERS = {"Accept": "application/ld+json, application/json, */*;q=0.1"}


def fill(cache: Path) -> None:
    """Put the context into a cache, as if it had been fetched."""
    answer = requests.Response()
    answer.status_code, answer.url = 200, CONTEXT
    answer.request = requests.Request("GET", CONTEXT, headers=HEADERS).prepare()
    answer._content = Path(__file__).with_name("ro-crate-1.1-context.json").read_bytes()
    answer.headers["content-type"] = "application/ld+json"
    answer.raw = HTTPResponse(
        io.BytesIO(answer.content), answer.headers, 200, preload_content=False, request_url=CONTEXT
    )
    with CachedSession(str(cache), backend="sqlite", expire_after=-1) as session:
        session.cache.save_response(answer, session.cache.create_key(answer.request))


def main(crates: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "http"
        fill(cache)
        for crate in crates:
            settings = services.ValidationSettings(
                rocrate_uri=crate, profile_identifier="ro-crate-1.1", requirement_severity=Severity.REQUIRED,
                offline=True, cache_path=cache, cache_max_age=-1,
            )
            for issue in services.validate(settings).get_issues():
                print(f"{crate}: {issue.check.identifier}: {issue.message}")


if __name__ == "__main__":
    main(sys.argv[1:])
