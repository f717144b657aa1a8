"""TLS: whom to trust, and where it can be done without."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from functools import lru_cache
from pathlib import Path

from taskq_kernel.errors import SettingsError, causes


@lru_cache(maxsize=8)
def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """A client's TLS: the other side's certificate and host name are checked, always.

    Parameters
    ----------
    ca_file : Path or None
        PEM file of the authorities to trust. None: those of the system.

    Raises
    ------
    SettingsError
        If the file cannot be read, or has no certificate in it.
    """
    if ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except ssl.SSLError as error:
        raise SettingsError(f"TASKQ_CA_FILE {str(ca_file)!r} has no certificate of an authority in PEM form") from error
    except OSError as error:
        raise SettingsError(f"TASKQ_CA_FILE {str(ca_file)!r}: {error.strerror}") from error


def check_certificate(certificate: Path, key: Path) -> None:
    """Raise `SettingsError` unless a server can use this certificate with this key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password function OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SettingsError(
            f"TASKQ_TLS_CERT {str(certificate)!r} with TASKQ_TLS_KEY {str(key)!r} cannot be used: {reason}"
        ) from error


def is_loopback(host: str) -> bool:
    """Whether this address, or every address that this name has, is this machine's own."""
    if not host:
        return False  # to a server, no host means every one
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found)


def explain(error: BaseException) -> str | None:
    """What is wrong with the other side's certificate, if that is what ``error`` is about."""
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted ({cause.verify_message}); "
                "TASKQ_CA_FILE names the file of the authority that signed it"
            )
    return None
