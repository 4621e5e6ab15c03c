"""Validate everything that is read from a file: names, sizes, nesting, hashes and values.

A loaded folder may be damaged or hostile. Code that reads files runs inside `reading`, which converts the errors of
libraries to `UnreadableFileError`. Such code calls the functions of this package before it builds a path, allocates
memory or uses a number from a file.

Exported models are read with the same checks, without spaCy and torch. The modules `docbins` and `thinc_models` need
these libraries, so they are not imported here.
"""

from .arrays import read_npz, require_room, safetensors_entries
from .documents import inflate, parse_json, parse_msgpack, scan_msgpack
from .names import inside, require_bare_name, require_digest, sha256_of
from .validation import in_range, origin, reading, require, require_labels, require_type, whole_number

__all__ = [
    "in_range",
    "inflate",
    "inside",
    "origin",
    "parse_json",
    "parse_msgpack",
    "read_npz",
    "reading",
    "require",
    "require_bare_name",
    "require_digest",
    "require_labels",
    "require_room",
    "require_type",
    "safetensors_entries",
    "scan_msgpack",
    "sha256_of",
    "whole_number",
]
