"""Messages about masking of personal data: policies, keys, maps and files."""


class MaskingErrors:
    """Error messages about masking, inherited by `Errors`."""

    # Policies
    ZT870 = "The masking policy {path} cannot be read: {reason}. Write it as TOML, as docs/masking.md shows."
    ZT871 = "{origin}: the action of {label} must be one of {choices} (got {action!r})."
    ZT872 = (
        "{origin}: {label!r} is not a known label.{hint} Correct it. If your own pipeline has this label, add it to "
        "`custom_labels`."
    )
    ZT873 = "{origin}: {key} must be {expected} (got {seen}). docs/masking.md has an example."
    ZT874 = (
        "{origin}: {label} cannot be generalised; only {choices} have a more general form. Choose another action for "
        "it."
    )
    ZT875 = "TOML files need tomli on Python 3.10, and it is not installed. Run `pip install tomli`."

    # Keys
    ZT876 = "The key file {path} {problem}. {remedy}"
    ZT877 = "The action `hash` needs a key. Give one with --key-file (in Python: key=…)."

    # Maps and masked files
    ZT878 = (
        "The map does not belong to {what}: the text is another one, or was changed after masking. Give the map that "
        "was written with this text."
    )
    ZT879 = "The map {path} has {seen} records than {source}. Give the map and the masked file of the same run."
    ZT880 = "{path}, line {line}: {problem}. Give the file that `mask` has written, unchanged."
    ZT881 = "`{command}` cannot write {path} from {source}: OUT must end in {choices}. Choose another name."
    ZT882 = "The map {path} must be a file of its own: it is also {role}. Choose another path with --map."

    # Presidio
    ZT884 = "TaiwanRecognizer does not find the entity {name!r}. Choose from {names}."
    ZT885 = (
        "The operator `{name}` has no `replacer`. Pass the operators that "
        "`spacy_zh_tw_ner.presidio.masking_operators()` returns to `AnonymizerEngine.anonymize`."
    )


class MaskingWarnings:
    """Warnings about masking, inherited by `Warnings`."""

    ZT883 = (
        "The map {path} has the original texts, and Windows cannot restrict it to you by permission bits. Set an ACL "
        "that allows only you to read it, or keep the map in your user folder."
    )
