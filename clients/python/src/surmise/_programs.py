"""Where the programs of surmise are: `surmise` and `surmised`."""

from __future__ import annotations

import os
import shutil
from typing import Optional, Union

from .errors import ProgramMissingError

#: The variables that name the programs where they are not on the path.
VARIABLES = {"surmise": "SURMISE", "surmised": "SURMISED"}


def find_program(name: str, given: Union[str, os.PathLike[str], None] = None) -> str:
    """Find a program: where the caller says, where its variable says, or on the path."""
    place: Optional[str] = os.fspath(given) if given is not None else os.environ.get(VARIABLES[name])
    found = shutil.which(place or name)
    if found is None:
        raise ProgramMissingError(place or name, VARIABLES[name])
    return found
