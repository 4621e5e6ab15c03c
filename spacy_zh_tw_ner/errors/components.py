"""Messages about text, the CRF, and the components of a pipeline."""


class ComponentErrors:
    """Part of `Errors`."""

    # Text and tokens
    ZT001 = (
        "The text holds a lone surrogate, U+{code:04X}, at character {index}: half of a UTF-16 pair, no character. "
        "Decode the source again, or replace it: text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
    )
    ZT002 = "CharTokenizer: group={value!r} is unknown. Choose from {choices}."
    ZT003 = "CharTokenizer: normalize={value!r} is unknown. Choose from {choices}."
    ZT004 = (
        "Unknown script {value!r}. Choose an OpenCC configuration: {choices}. For no conversion, use null in a config, "
        "or `none` on the command line."
    )

    # Head and CRF
    ZT101 = (
        "The component '{name}' has no labels. Its corpus holds no entity: check the corpus with "
        "`python -m spacy zh-tw-ner validate`, or give labels in [initialize.components.{name}]."
    )
    ZT102 = (
        "Emissions are not finite ({count} values, the first at row {row}). Lower the learning rate, clip gradients, "
        'or set precision = "bf16" where it is "fp16".'
    )
    ZT103 = (
        "Lengths must be at least 0 and sum to the {rows} rows of emissions (got a sum of {total}, the smallest "
        "{least})."
    )
    ZT104 = "Emissions must have one column for each of the {expected} tags of the CRF (got {seen})."
    ZT105 = (
        "The tags of sequence {index} are an illegal sequence under the constraints. Give tags that "
        "`legal_transitions` allows."
    )
    ZT106 = "min_score must be from 0 to 1 (got {value})."
    ZT107 = "A label must be a non-empty string, not {value!r}."
    ZT108 = (
        "Sequence {index} of {length} tokens has no legal tag sequence: the constraints forbid all of them. Check the "
        "gold mask and the transitions."
    )
    ZT109 = "The CRF has no tags: its transitions are empty. Give it labels first."
    ZT110 = "compiled=True needs numba, which is not installed. Run `{hint}`, or leave `compiled` at None."
    ZT111 = "The gold mask of the CRF must be a boolean array of the shape of the emissions, {expected} (got {seen})."
    ZT112 = "{name}={value} is out of range. {remedy}"
    ZT113 = "The pipeline has no component '{name}' that decodes a CRF. It has: {names}."

    # Use of components
    ZT115 = (
        "The temperature cannot be fitted: the {n} held-out documents hold no entity with a label that the component "
        "'{name}' predicts ({labels}). Give dev data with gold entities."
    )
    ZT116 = (
        "The component '{name}' has not been trained: it has {missing}. Call nlp.initialize() with examples and train "
        "it, or load a trained pipeline with spacy.load()."
    )

    # Gazetteer and evidence
    ZT360 = (
        "The evidence {text!r} has the label {label!r}, which this component cannot predict. It has {labels}. Correct "
        "the label, or set override = true in zh_tw_gazetteer, which makes entities of words whatever their labels."
    )
    ZT361 = (
        "zh_tw_gazetteer has bonus={value}. Give a finite number above 0, such as 2. To make "
        "every word an entity, set override = true instead."
    )
    ZT362 = (
        "zh_tw_gazetteer cannot take {value!r} for {label!r}. Give a list of words, none of them empty or with white "
        "space at an edge."
    )
    ZT363 = (
        "doc.spans[{key!r}] has {spans} spans and {bonuses} bonuses in its attrs. Give one each, or leave attrs empty."
    )

    # Ensembles
    ZT370 = "An ensemble needs at least two pipelines, not {n}. Give more of them."
    ZT371 = (
        "The labels of {other} are not those of {one}, so their probabilities cannot be averaged. Only {one} has: "
        "{only_one}. Only {other} has: {only_other}. Train them on the same labels, or leave one out."
    )
    ZT372 = (
        "{other} cuts text into tokens or normalizes it differently from {one}: {differences}. Train them with the "
        "same [nlp.tokenizer], or leave one out."
    )
    ZT373 = (
        "'{name}' is an ensemble of {n} pipelines, which is not trained itself. Train pipelines, and combine them "
        "with `python -m spacy zh-tw-ner ensemble A B OUT`."
    )

    # Pipelines that are not found
    ZT531 = (
        "There is no pipeline {name!r}: it is not a folder with a config.cfg, not an exported model, and not an "
        "installed package. Check the name."
    )

    # Long documents
    ZT611 = (
        "The emissions of a long document could not be written to disk after {rows:,} tokens ({mib:.0f} MiB): "
        "{reason}. Free space in the folder of temporary files, or set TMPDIR to another folder."
    )

    # Pipelines that cannot be loaded
    ZT682 = (
        "The pipeline {name!r} cannot be loaded ({kind}: {reason}). Check that it was copied completely, and that the "
        "packages of its components are installed."
    )
    ZT683 = (
        "{name!r} is an exported model (`export-onnx`), and this command needs a spaCy pipeline. Give the pipeline "
        "that it was exported from."
    )

    # Personal data
    ZT850 = "zh_tw_pii has no rules for the label {label!r}. Choose from {labels}."
    ZT851 = "zh_tw_pii: priority must be a finite number of at least 0 (got {value})."

    # Normal forms
    ZT860 = "A reference date must be a date, or an ISO 8601 string such as '2026-11-29' (got {value!r})."
    ZT861 = "zh_tw_normalizer: the label {label!r} has no normal form. Choose from {choices}."
    ZT862 = (
        "zh_tw_normalizer: currency must be a code of ISO 4217, three capital letters such as 'TWD', or null (got "
        "{value!r})."
    )

    # An ensemble where a component with a model is needed
    ZT943 = (
        "'{name}' is an ensemble, which has no model of its own. Use one of its pipelines: the folders 0, 1, … in the "
        "folder '{name}' of the saved ensemble."
    )


class ComponentWarnings:
    """Part of `Warnings`."""

    # Personal data
    ZT858 = (
        "Another package has registered `Span._.rule`, so the rules of zh_tw_pii are found in "
        "doc.spans[{key!r}].attrs['rules'] only."
    )

    # Normal forms
    ZT863 = (
        "Another package has registered `{name}`, so normal forms are in doc.spans[{key!r}].attrs['values'] only, and "
        "reference dates are what that package returns."
    )

    # Scores and gold annotations
    ZT901 = (
        "Another package has registered `Span._.score`, so scores of this pipeline are found "
        "in doc.spans[{key!r}].attrs['scores'] only."
    )
    ZT902 = "{n} gold annotations fit no legal tag sequence on these tokens and are taken as unknown (first: {text!r})."
    ZT903 = (
        "{n} gold entities of this batch begin or end with white space (first: {text!r}). They are trained without it, "
        "and count as wrong in evaluations. Correct the corpus: `python -m spacy zh-tw-ner convert` trims entities."
    )
    ZT904 = (
        "{n} gold entities have labels that '{name}' does not have: {labels}. It has: {known}. Training "
        "ignores them, they are never predicted, and each counts as missed. If the label is new, add it before "
        'training: nlp.get_pipe("{name}").add_label(LABEL) in Python, or the callback spacy-zh-tw-ner.add_labels.v1 in '
        "[initialize.after_init]. If it is another name for a label it has, rename it in the corpus."
    )

    # Use of components
    ZT940 = (
        "The component '{name}' is in a pipeline of the language '{lang}'. It needs one token per character, with the "
        'norms that spacy.blank("zh_tw") sets: add it there, or set [nlp.tokenizer] to '
        "spacy-zh-tw-ner.CharTokenizer.v1."
    )
    ZT941 = (
        "The component '{name}' needs one token per character, and documents have tokens such as {word!r}: entities "
        'will be missed. Make documents with spacy.blank("zh_tw") or nlp.make_doc(text), and merge tokens after it.'
    )
    ZT942 = (
        "The component '{gazetteer}' runs after '{recognizer}' and has no effect on it: its words must be found "
        'before. Add it with nlp.add_pipe("zh_tw_gazetteer", before="{recognizer}"), or set override = true.'
    )

    # Import paths
    ZT970 = "{old} has moved. Import from {new} instead; the old path will be removed in version 1.0."
