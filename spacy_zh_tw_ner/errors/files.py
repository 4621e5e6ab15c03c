"""Messages about files that are damaged or hostile."""


class FileMessages:
    """Part of `Errors`."""

    ZT640 = "{path} cannot be read: {reason}. The file is damaged or incomplete: copy it again from its source."
    ZT641 = (
        "{origin} contains the file name {name!r}. Only names without a folder are accepted. The file is damaged or "
        "hostile: get it again from a source that you trust."
    )
    ZT642 = "{path} is a symbolic link out of {folder}, and is not followed. Copy the file itself into the folder."
    ZT643 = (
        "{path} was changed since it was written: its SHA-256 begins with {found:.16}, expected {expected:.16}. "
        "Copy it again from its source."
    )
    ZT644 = (
        "{origin}: {key} must be {expected} (got {seen}). The file is damaged, or was edited by hand: correct it, or "
        "copy it again from its source."
    )
    ZT645 = (
        "{origin}: {what} needs {claimed:,} bytes, but the file has only {available:,}. "
        "The file is damaged or incomplete: copy it again from its source."
    )
    ZT646 = (
        "{origin} has {size:,} bytes and would grow to more than {limit:,} when it is decompressed. Real data does "
        "not compress like this: get the file again from a source that you trust, or split it into smaller files."
    )
    ZT647 = (
        "{origin} nests deeper than {limit} levels. The file is damaged or hostile: get it again from a source that "
        "you trust."
    )
    ZT648 = (
        "{name!r} needs Python code from its own files (`auto_map`), which is never executed. Choose a `name` whose "
        "architecture is part of transformers."
    )
    ZT649 = (
        "{origin}: {what} has the shape {seen}, expected {expected}. The file belongs to another config, or is "
        "damaged: copy the whole folder again from its source."
    )
