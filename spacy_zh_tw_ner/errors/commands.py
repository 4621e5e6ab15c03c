"""Messages of commands: outputs, options, and errors that end a command."""


class CommandMessages:
    """Part of `Errors`."""

    # Outputs
    ZT670 = "{path} exists already. Replace it with --force (in Python: force=True), or choose another output."
    ZT671 = (
        "{path} exists and was not written by this package ({seen}). It is never replaced, not even with --force. "
        "Choose another output, or remove it yourself."
    )
    ZT672 = (
        "{path} contains files that this package did not write: {names}. Replacing the folder would delete them. Move "
        "them, or choose another output."
    )
    ZT673 = "The output {path} {relation} the input {input} and would overwrite it. Choose another output."
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
        "None of the {n:,} records of {path} could be read, so nothing was annotated. First error: {reason}. All "
        "errors are in {rejects}."
    )
    ZT688 = "{path} is {seen}, not UTF-8 text. Decompress it or save it as UTF-8 first."
    ZT689 = (
        "{path} is one JSON array, and JSON Lines (one object per line) are expected. Convert it first: "
        "`jq -c '.[]' IN > OUT`."
    )
    ZT690 = (
        "The first {n:,} records of {path} have no field {field!r}. They have: {fields}. Name the field of the text "
        "with --text-field."
    )

    # Errors that end a command
    ZT675 = "{path}: {reason}."
    ZT676 = "{path}: {reason}. {remedy}"
    ZT677 = "{reason}"
    ZT678 = (
        "`{command}` stopped with an unexpected error, {kind}: {reason}. Run it again with --verbose for the "
        "traceback, and report it."
    )
    ZT679 = "`{command}` was interrupted. {remedy}"
    ZT680 = "{package} is required here and is not installed. Run `{hint}`."
    ZT681 = "Out of memory. Process less data at a time, or use a machine with more memory."

    # Packages that components of other projects need
    ZT695 = "The component {factory!r} needs {package}, which is not installed. Run `pip install {package}`."
    ZT696 = (
        "The component {name!r} cannot be trained with numpy {numpy}: spacy-curated-transformers 0.3.1 fails with "
        'numpy 2.4 and later. Run `pip install "numpy<2.4"` for training; the result predicts with any numpy.'
    )

    # Pipelines that a command loads
    ZT682 = (
        "The pipeline {name!r} cannot be loaded ({kind}: {reason}). Check that it was copied completely, and that the "
        "packages of its components are installed."
    )
    ZT683 = (
        "{name!r} is an exported model (`export-onnx`), and this command needs a spaCy pipeline. Give the pipeline "
        "that it was exported from."
    )
