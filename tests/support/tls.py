"""A certificate that the tests make for themselves."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

_MAKE = ("openssl", "req", "-x509", "-nodes", "-subj", "/CN=Tchat", "-newkey", "ec")
_CURVE = ("-pkeyopt", "ec_paramgen_curve:P-256")


def certify(folder: Path, *addresses: str) -> ssl.SSLContext:
    """Write fullchain.pem and privkey.pem for some addresses; give a context that trusts them."""
    certificate = folder / "fullchain.pem"
    names = ("-addext", "subjectAltName=" + ",".join(f"IP:{address}" for address in addresses))
    files = ("-keyout", folder / "privkey.pem", "-out", certificate)
    subprocess.run([*_MAKE, *_CURVE, *names, *files], check=True, capture_output=True)
    trust = ssl.create_default_context(cafile=certificate)
    # A client of the tests sends on one thread and receives on another, which OpenSSL does not
    # allow. It hung once in 300 times with TLS 1.3, whose servers send tickets just when clients
    # begin to send.
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    return trust
