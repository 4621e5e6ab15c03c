"""Messages of commands: their outputs, their options, and what stops them."""


class CommandMessages:
    """Part of `Errors`."""

    # Outputs
    ZT670 = "{path} exists already. Replace it with --force (in Python: force=True), or choose another output."
    ZT671 = (
        "{path} exists and was not written by this package ({seen}). It is never replaced, not even with --force. "
        "Choose another output, or remove it yourself."
    )
    ZT672 = (
        "{path} holds files that are not part of what was written there: {names}. They would be lost. Move them, or "
        "choose another output."
    )
    ZT673 = "The output {path} {relation} the input {input}, which would be lost. Choose another output."
    ZT674 = "{path} is being written by another process. Wait for it to end, or choose another output."

    ZT684 = (
        "{path} holds a training run already ({found}). Continue it with --resume, replace it with --force, or "
        "choose another output."
    )

    ZT731 = (
        "{path} has no {checkpoint} to continue from, but already holds {found}. Replace these with --force, or "
        "choose another output."
    )

    # Annotation
    ZT685 = (
        "{path} exists already: a finished job, or another file. Annotate again with --force (in Python: force=True), "
        "or choose another output."
    )
    ZT686 = "{path} is empty: there is no record to annotate, and nothing was written."
    ZT687 = (
        "Not one of the {n:,} records of {path} could be read, and nothing was annotated. The first: {reason}. All are "
        "in {rejects}."
    )
    ZT688 = "{path} is {seen}, not UTF-8 text. Decompress it or save it as UTF-8 first."
    ZT689 = (
        "{path} holds one JSON array, and JSON lines have an object a line. Rewrite it first, such as with "
        "`jq -c '.[]' IN > OUT`."
    )
    ZT690 = (
        "The first {n:,} records of {path} have no field {field!r}. They have: {fields}. Name the field of the text "
        "with --text-field."
    )

    # What stops a command
    ZT675 = "{path}: {reason}."
    ZT676 = "{path}: {reason}. {remedy}"
    ZT677 = "{reason}"
    ZT678 = (
        "`{command}` stopped at an error that it does not expect, {kind}: {reason}. Run it again with --verbose for "
        "the traceback, and report it."
    )
    ZT679 = "`{command}` was interrupted. {remedy}"
    ZT680 = "{package} is not installed, and is needed here. Run `{hint}`."
    ZT681 = "Memory ran out. Give the command less at a time, or run it on a machine with more memory."

    # Pipelines that a command loads
    ZT682 = (
        "The pipeline {name!r} cannot be loaded ({kind}: {reason}). Check that it was copied completely, and that the "
        "packages of its components are installed."
    )
    ZT683 = "{name!r} was written by `export-onnx`, and this command needs a pipeline of spaCy. Give the original one."
