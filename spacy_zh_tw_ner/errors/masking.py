"""Messages about masking of personal data: policies, keys, maps and files."""


class MaskingErrors:
    """Part of `Errors`."""

    # Policies
    ZT870 = "{path} is not a policy that can be read: {reason}. Write it as TOML, as docs/masking.md shows."
    ZT871 = "{origin}: the action of {label} is {action!r}. Choose from {choices}."
    ZT872 = (
        "{origin}: {label!r} is not a known label.{hint} Correct it, or, for a label of your own pipeline, list it in "
        "`custom_labels`."
    )
    ZT873 = "{origin}: {key} must be {expected} (got {seen}). Correct it; docs/masking.md has an example."
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
        "The map does not belong to {what}: the text is another one, or was changed after it was masked. Give the map "
        "that was written with it."
    )
    ZT879 = "The map {path} has {seen} records than {source}. Give the map and the masked file of the same run."
    ZT880 = "{path}, line {line}: {problem}. Give the file that `mask` has written, unchanged."
    ZT881 = "`{command}` cannot write {path} from {source}: OUT must end in {choices}. Choose another name."
    ZT882 = "The map {path} must be a file of its own: it is also {role}. Choose another path with --map."

    # Presidio
    ZT884 = "{name!r} is no entity that this recognizer of Presidio finds. Choose from {names}."
    ZT885 = (
        "The operator `{name}` has no `replacer`. Pass the operators that "
        "`spacy_zh_tw_ner.presidio.masking_operators()` returns to `AnonymizerEngine.anonymize`."
    )


class MaskingWarnings:
    """Part of `Warnings`."""

    ZT883 = (
        "{path} holds the original texts, and Windows has no permission bits that restrict it to you. Restrict it "
        "with its ACL, or keep it in your user folder."
    )
