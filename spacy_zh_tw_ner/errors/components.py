"""Messages of errors and warnings about texts, the CRF, and the components of a pipeline."""


class ComponentErrors:
    """Templates (for `str.format`) of error messages about texts, the CRF and components.

    The name of an attribute is its code, such as ZT001. Read them from the class `Errors`, which inherits them and puts
    the code in front of each message.
    """

    # Text and tokens
    ZT001 = (
        "The text has a lone surrogate, U+{code:04X}, at character {index}: it is half of a UTF-16 pair and not a "
        "character. Decode the source correctly, or replace the surrogate: "
        "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
    )
    ZT002 = "CharTokenizer: group={value!r} is unknown. Choose from {choices}."
    ZT003 = "CharTokenizer: normalize={value!r} is unknown. Choose from {choices}."
    ZT004 = (
        "Unknown script {value!r}. Choose an OpenCC configuration: {choices}. For no conversion, use null in a config, "
        "or `none` on the command line."
    )

    # Head and CRF
    ZT101 = (
        "The component '{name}' has no labels, because its corpus has no entities. Check the corpus with "
        "`python -m spacy zh-tw-ner validate`, or give labels in [initialize.components.{name}]."
    )
    ZT102 = (
        "{count} emissions (scores of the tags) are NaN or infinite, the first at row {row}; a row is a token. If this "
        'happens in training, lower the learning rate, clip gradients, or use precision = "bf16" instead of "fp16". If '
        "it happens with a trained pipeline, its weights are damaged: use model-best of its training, or train again."
    )
    ZT103 = (
        "The lengths of the sequences must be 0 or more, and their sum must be {rows}, the number of rows of the "
        "emissions (got a sum of {total} and a smallest length of {least})."
    )
    ZT104 = "Emissions must be an array of shape (n_rows, {expected}), one column per tag of the CRF (got {seen})."
    ZT105 = (
        "The gold mask of sequence {index} allows no legal tag sequence. Correct its gold tags: `legal_transitions` of "
        "the tag scheme lists the transitions that are legal."
    )
    ZT106 = "min_score must be from 0 to 1 (got {value})."
    ZT107 = "A label must be a non-empty string (got {value!r})."
    ZT108 = (
        "Sequence {index} ({length} tokens) has no legal tag sequence: its transitions and masked emissions forbid "
        "every path. Allow at least one tag for each token, and the transitions between these tags."
    )
    ZT109 = "The CRF has no tags: its transition arrays are empty. Add labels to the component first."
    ZT110 = (
        "compiled=True needs numba, which is not installed. Run `{hint}`, or pass compiled=None to use numpy without "
        "numba."
    )
    ZT111 = "The gold mask must be a boolean array with the shape of the emissions, {expected} (got {seen})."
    ZT112 = "{name}={value} is out of range. {remedy}"
    ZT113 = (
        "The pipeline has no recognizer '{name}' with a CRF. It has: {names}. Give the name of such a "
        "recognizer in this pipeline, or give another pipeline."
    )

    # Use of components
    ZT115 = (
        "The temperature cannot be fitted: the {n} held-out documents hold no entity with a label of the component "
        "'{name}' ({labels}). Give documents with gold entities of these labels."
    )
    ZT116 = (
        "The component '{name}' has not been trained: it has {missing}. Call nlp.initialize() with examples and train "
        "it, or load a trained pipeline with spacy.load()."
    )

    # Gazetteer and evidence
    ZT360 = (
        "The span {text!r} in doc.spans['gazetteer'] has the label {label!r}, which the recognizer does not have. Its "
        "labels: {labels}. Correct the label; or set override = true in zh_tw_gazetteer, which accepts any label."
    )
    ZT361 = (
        "zh_tw_gazetteer: bonus must be a finite number above 0, such as 2 (got {value}). To make every word an "
        "entity, set override = true instead."
    )
    ZT362 = (
        "zh_tw_gazetteer: the words of {label!r} must be a list of non-empty strings that do not begin or end with "
        "white space (got {value!r})."
    )
    ZT363 = (
        "doc.spans[{key!r}] has {spans} spans and {bonuses} bonuses in attrs['bonuses']. Set one bonus per span, or "
        "remove attrs['bonuses']."
    )

    # Ensembles
    ZT370 = "An ensemble needs at least two pipelines (got {n}). Give more pipelines."
    ZT371 = (
        "The labels of {other} and {one} differ, so their probabilities cannot be averaged. Only {one} has: "
        "{only_one}. Only {other} has: {only_other}. Train both with the same labels, or leave one out."
    )
    ZT372 = (
        "{other} tokenizes or normalizes text differently from {one}: {differences}. Train both with the same "
        "[nlp.tokenizer], or leave one out."
    )
    ZT373 = (
        "'{name}' is an ensemble of {n} pipelines, and cannot be trained itself. Train the pipelines, and combine "
        "them with `python -m spacy zh-tw-ner ensemble A B OUT`."
    )

    # Pipelines that are not found
    ZT531 = (
        "There is no pipeline {name!r}: it is not a folder with a config.cfg, not an exported model, and not an "
        "installed package. Check the name."
    )

    # Long documents
    ZT611 = (
        "The emissions of a long document could not be written to a temporary file after {rows:,} tokens "
        "({mib:.0f} MiB): {reason}. Free disk space, or set the environment variable TMPDIR to another folder."
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

    # Overlapping entities
    ZT796 = (
        "zh_tw_crf_spans: each group of `groups` must be a list of one or more labels (got {value!r}). Write a list of "
        'lists, such as groups = [["PERSON", "GPE"], ["EVENT"]].'
    )
    ZT797 = (
        "zh_tw_crf_spans: spans_key must be a non-empty string other than {reserved}, which other components use (got "
        '{value!r}). Set another name, such as "sc".'
    )
    ZT798 = (
        "zh_tw_crf_spans: the label {label!r} is twice in `groups`. Each label belongs to one group, because it has one"
        " chain of tags. Remove it from the other groups."
    )
    ZT799 = (
        "The setting `groups` of '{name}' has labels that its corpus does not have: {unknown}. The corpus has: "
        "{labels}. Correct these names, or give all labels in [initialize.components.{name}]."
    )
    ZT800 = (
        "'{name}' was trained with groups = {trained}, but its config has groups = {config}, by which its weights "
        "would be assigned to other tags. Restore the groups in the config, or train again."
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
        "'{name}' is an ensemble and has no model itself. Use one of its pipelines: they are the folders 0, 1, … in "
        "the folder '{name}' of the saved ensemble."
    )


class ComponentWarnings:
    """Templates (for `str.format`) of warnings about components, scores and gold annotations.

    The name of an attribute is its code, such as ZT801. Read them from the class `Warnings`, which inherits them and
    puts the code in front of each message.
    """

    # Overlapping entities
    ZT801 = (
        "{n} gold spans of this batch overlap a longer span of the same group of '{name}' (first: {text!r}). One group "
        "cannot have both, so training ignores the shorter ones. Correct the annotation, or give labels that may "
        "overlap separate groups in the setting `groups`."
    )

    # Order of components
    ZT836 = (
        "The component '{normalizer}' runs before '{other}', so the entities of '{other}' get no normal form. Add the "
        'normalizer last, or with nlp.add_pipe("zh_tw_normalizer", after="{other}").'
    )

    # Personal data
    ZT858 = (
        "Another package has registered `Span._.rule`, so zh_tw_pii cannot use this name. Read its rules from "
        "doc.spans[{key!r}].attrs['rules'] instead."
    )

    # Normal forms
    ZT863 = (
        "Another package has registered the extension attribute `Span._.normalized`, and zh_tw_normalizer does not "
        "replace it. Read normal forms from doc.spans[{key!r}].attrs['values'] instead."
    )
    ZT864 = (
        "Another package has registered the extension attribute `Doc._.reference_date`. zh_tw_normalizer uses its "
        "value as the date of each document: check that it is a date, or remove that package."
    )

    # Scores and gold annotations
    ZT901 = (
        "Another package has registered `Span._.score`, so this package cannot use this name. Read the scores of "
        "entities from doc.spans[{key!r}].attrs['scores'] instead."
    )
    ZT902 = (
        "{n} gold entities cannot be converted to tags, because they do not begin and end at token boundaries (first "
        "in the text {text!r}). Training treats their tokens as not annotated. Correct the offsets of these entities."
    )
    ZT903 = (
        "{n} gold entities of this batch begin or end with white space (first: {text!r}). Training ignores the white "
        "space, but in evaluations these entities are never found. Trim them in the corpus: "
        "`python -m spacy zh-tw-ner convert` does so."
    )
    ZT904 = (
        "{n} gold entities have labels that '{name}' does not have: {labels}. It has: {known}. Training ignores these "
        "entities, and evaluations count them as missed. If a label is new, add it before training: "
        'nlp.get_pipe("{name}").add_label(LABEL) in Python, or the callback spacy-zh-tw-ner.add_labels.v1 in '
        "[initialize.after_init]. If '{name}' has the label under another name, rename it in the corpus."
    )

    # Use of components
    ZT940 = (
        "The component '{name}' is in a pipeline of the language '{lang}', but needs one token per character. Add it "
        'to spacy.blank("zh_tw"), or set [nlp.tokenizer] to spacy-zh-tw-ner.CharTokenizer.v1.'
    )
    ZT941 = (
        "The component '{name}' needs one token per character, but documents have tokens such as {word!r}, so entities "
        'will be missed. Make documents with spacy.blank("zh_tw") or nlp.make_doc(text), and merge tokens only after '
        "this component."
    )
    ZT942 = (
        "The component '{gazetteer}' runs after '{recognizer}', so '{recognizer}' cannot use its words. Add the "
        'gazetteer with nlp.add_pipe("zh_tw_gazetteer", before="{recognizer}"), or set override = true in its '
        "settings: its words are then entities."
    )

    # Import paths
    ZT970 = "{old} has moved. Import it from {new} instead; the old path will be removed in version 1.0."
