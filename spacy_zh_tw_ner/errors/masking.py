"""Messages about masking of personal data: policies, keys, maps and files."""


class MaskingErrors:
    """Templates (for `str.format`) of error messages about masking.

    The name of an attribute is its code, such as ZT870. Read them from the class `Errors`, which inherits them and puts
    the code in front of each message.
    """

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
        "The map does not belong to {what}: the text is another one, or was changed after it was masked. Give the map "
        "that was written with this masked text."
    )
    ZT879 = (
        "The map {path} has {more_or_fewer} records than {source}. Give the map and the masked file of the same run."
    )
    ZT880 = "{path}, line {line}: {problem}. Give the file that `mask` has written, unchanged."
    ZT881 = "`{command}` cannot write {path} from {source}: the output must end in {choices}. Choose another name."
    ZT882 = "The map cannot be written to {path}: this path is {role}, or is inside it. Choose another path with --map."

    # Presidio
    ZT884 = "This recognizer for Presidio does not find entities of the type {name!r}. Choose from {names}."
    ZT885 = (
        "The operator `{name}` was called without its parameter `replacer`. Pass the operators that "
        "`spacy_zh_tw_ner.presidio.masking_operators()` returns to `AnonymizerEngine.anonymize`."
    )


class MaskingWarnings:
    """Templates (for `str.format`) of warnings about masking.

    The name of an attribute is its code, such as ZT883. Read them from the class `Warnings`, which inherits them and
    puts the code in front of each message.
    """

    ZT883 = (
        "{path} holds the original texts, and on Windows other users may be able to read it. Restrict its access "
        "control list (ACL), or keep the file in your user folder."
    )
