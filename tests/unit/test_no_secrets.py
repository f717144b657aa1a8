"""No secret is kept in the repository: the forms that well-known ones have, in every file of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from taskq_kernel.store.tokens import new_token

ROOT = Path(__file__).parents[2]

#: What a secret looks like. A word in brackets keeps a pattern from finding itself.
FORMS = {
    "a private key": rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----\s+[A-Za-z0-9+/]{16}",
    "a token of taskq": rb"\btq_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])",
    "a GitHub token": rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})",
    "a GitLab token": rb"\bglpat-[A-Za-z0-9_-]{20}",
    "an AWS key": rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a Google key": rb"\bAIza[A-Za-z0-9_-]{35}",
    "a Slack token": rb"\bxox[abprs]-[A-Za-z0-9-]{10}",
    "a PyPI token": rb"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{20}",
    "an npm token": rb"\bnpm_[A-Za-z0-9]{36}",
    "a JSON web token": rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    # Throw-away words stand in tests and examples; what a generator makes is longer.
    "a password in a URL": rb"[a-z]{3,12}://[^\s/:@\"'<>{}$]{1,64}:(?=[^\s/@]*\d)[A-Za-z0-9+/_-]{20,}@",
}


def found_in(data: bytes) -> list[str]:
    return [name for name, form in FORMS.items() if re.search(form, data)]


def test_no_file_of_the_repository_has_a_secret_in_it() -> None:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True)
    if listed.returncode != 0:
        pytest.skip("this is no git checkout: there is no list of what is kept")
    files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    assert len(files) > 200
    found = {str(file.relative_to(ROOT)): found_in(file.read_bytes()) for file in files if file.is_file()}
    assert {name: forms for name, forms in found.items() if forms} == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a private key", "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEowIBAAKCAQEA"),
        ("a GitHub token", "ghp" + "_" + "a1B2" * 9),
        ("an AWS key", "AKIA" + "ABCDEFGH12345678"),
        ("a Slack token", "xoxb" + "-1234567890-abc"),
        ("a JSON web token", "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w"),
        ("a password in a URL", "amqp://taskq:" + "abcdefgh12345678" * 2 + "@127.0.0.1/"),
    ],
)
def test_each_form_is_found_where_there_is_one(name: str, text: str) -> None:
    assert found_in(text.encode()) == [name]


def test_a_token_that_taskq_makes_is_found() -> None:
    # Not a parameter: its name would differ from one process of tests to the next.
    assert found_in(f"token = {new_token()}".encode()) == ["a token of taskq"]
