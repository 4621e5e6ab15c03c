"""Error messages about partial annotations and the sources that propose them."""


class ProposalErrors:
    """Templates (for `str.format`) of error messages about partial annotations and the command `propose`.

    The name of an attribute is its code, such as ZT776. Read them from the class `Errors`, which inherits them and puts
    the code in front of each message.
    """

    ZT776 = (
        "`log_weights` must be an array of floats with the shape of the emissions, {expected} (got {seen}). Give the "
        "logarithm of each weight: 0 for the weight 1, a negative number for a smaller weight, -inf for 0."
    )
    ZT777 = (
        "`outside_weight`, the weight of the tag O at tokens without annotation, must be a number from 0 to 1 (got "
        "{value!r} in doc.user_data of the text {text!r}). Correct it there, or run `propose` again."
    )

    # Files of sources
    ZT778 = (
        "The sources {path} cannot be read: {reason}. Write them as TOML, as docs/from-texts-to-a-pipeline.md shows."
    )
    ZT779 = "{origin}: {key} must be {expected} (got {seen}). docs/from-texts-to-a-pipeline.md has an example."
    ZT780 = "{origin}: {where} has an unknown key {key!r}.{hint} Choose from {choices}."
    ZT781 = (
        "{origin}: {where} proposes the label {label!r}, which is not in `labels` ({labels}).{hint} Add it there, or "
        'map it in the `labels` of the source to one of these, to "O", or to "" to ignore it.'
    )
    ZT782 = (
        "There is no file {path}. Correct its path in the file of the sources; a relative path begins at the folder of "
        "that file."
    )
    ZT783 = (
        "The pattern {pattern!r} of the source {source!r} cannot be used: {reason}. Write a regular expression of "
        "Python's `re`, and a backslash as two in a TOML string with double quotes."
    )
    ZT784 = (
        "The pattern {pattern!r} of the source {source!r} takes more than {seconds:g} seconds for the text {text!r}. "
        "Write it without nested repetitions such as (a+)+."
    )
    ZT785 = "The source {source!r} has more than {limit:,} words (read so far: {n:,}). Divide it, or shorten its lists."
    ZT786 = "{path} cannot be used: {reason}. Give a text file in UTF-8 of at most {limit:,} bytes."

    # Proposals
    ZT787 = "OUT must be a .spacy file (got {path}). Give a name that ends in .spacy, such as train.spacy."
    ZT788 = (
        "In the {n} texts of {path}, no proposed entity is certain enough to be accepted (sources: {names}). In the "
        "file of the sources, lower `accept`, set a higher `precision` for a source that you trust, or add a source."
    )
    ZT789 = (
        "The answers of the GLiNER model of the source {source!r} cannot be used: {reason}. Install a version of "
        "gliner whose `GLiNER.inference` returns a list of entities for each text: `{hint}`."
    )
