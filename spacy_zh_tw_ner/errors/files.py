"""Error messages about damaged or hostile files, and about outputs."""


class FileErrors:
    """Templates (for `str.format`) of error messages about damaged or hostile files, and about outputs.

    The name of an attribute is its code, such as ZT640. Read them from the class `Errors`, which inherits them and puts
    the code in front of each message.
    """

    # Damaged or hostile files
    ZT640 = "{path} cannot be read: {reason}. The file is damaged or incomplete: copy it again from its source."
    ZT641 = (
        "{origin} contains the file name {name!r}. Only names without a folder are accepted. The file is damaged or "
        "hostile: get it again from a source that you trust."
    )
    ZT642 = (
        "{path} is a symbolic link to a file outside of {folder}, and is not followed. Replace the link by that file."
    )
    ZT643 = (
        "{path} has changed since it was written: its SHA-256 begins with {found:.16}, not {expected:.16}. "
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
        "{origin} has {size:,} bytes and would grow to more than {limit:,} when decompressed, far more than real data. "
        "Get the file again from a source that you trust, or split it into smaller files."
    )
    ZT647 = (
        "{origin} is nested deeper than {limit} levels. The file is damaged or hostile: get it again from a source "
        "that you trust."
    )
    ZT648 = (
        "{name!r} needs Python code from its own files (`auto_map`), which is never executed. Choose a `name` whose "
        "architecture is part of transformers."
    )
    ZT649 = (
        "{origin}: {what} has the shape {seen}, expected {expected}. The file belongs to another config, or is "
        "damaged: copy the whole folder again from its source."
    )

    # Outputs
    ZT670 = "{path} exists already. Replace it with --force (in Python: force=True), or choose another output."
    ZT671 = (
        "{path} exists and was not written by this package ({seen}). This package never replaces it, not even with "
        "--force. Choose another output, or remove {path} yourself."
    )
    ZT672 = (
        "{path} contains files that this package did not write: {names}. Replacing the folder would delete them. Move "
        "them, or choose another output."
    )
    ZT673 = "The output {path} {relation} the input {input} and would overwrite it. Choose another output."
    ZT674 = "{path} is being written by another process. Wait for it to end, or choose another output."
    ZT675 = "{path} cannot be used: {reason}. Give another path."

    # Folders of training runs
    ZT684 = (
        "{path} holds a training run already ({found}). Continue it with --resume, replace it with --force, or "
        "choose another output."
    )
    ZT731 = (
        "{path} has no {checkpoint} from which --resume could continue, but already holds {found}. Replace the run in "
        "{path} with --force, or choose another output."
    )
