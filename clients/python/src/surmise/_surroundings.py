"""What the environment says of the daemon, in the variables that the command line reads, too."""

from __future__ import annotations

import os
from typing import Optional

#: Where a daemon takes events, unless its configuration says otherwise.
EVENTS_ADDRESS = "127.0.0.1:7071"

#: Where a daemon answers questions, unless its configuration says otherwise.
HTTP_URL = "http://127.0.0.1:7070"


def events_address() -> str:
    """Give the address for events: SURMISE_SOCKET, or that of a daemon on this machine."""
    return os.environ.get("SURMISE_SOCKET") or EVENTS_ADDRESS


def http_url() -> str:
    """Give the address for questions: SURMISE_SERVER, or that of a daemon on this machine."""
    return os.environ.get("SURMISE_SERVER") or HTTP_URL


def token() -> Optional[str]:
    """Give the access token: SURMISE_TOKEN."""
    return os.environ.get("SURMISE_TOKEN") or None


def authorities() -> Optional[str]:
    """Give the file of authorities to trust instead of the system's: SURMISE_CA."""
    return os.environ.get("SURMISE_CA") or None
