"""Messages of warnings."""


class WarningMessages:
    """Part of `Warnings`."""

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
    ZT920 = (
        "memory.precision={precision!r} is emulated on this {device}: it works, and takes longer than it should. "
        "Choose {other!r}."
    )
    ZT921 = (
        "The loss of {names} is no finite number any more: nothing is left to train, and spaCy cannot save it (it "
        'stops with "Invalid Nan value"). `model-best` holds the best weights from before. Likely: {hints}.'
    )
    ZT922 = (
        "Not one entity was found in the last {n} evaluations, up to step {step}: every token is O. Likely: {hints}."
    )
    ZT923 = (
        "F was 0 in the last {n} evaluations, up to step {step}, though entities are found and the loss falls "
        "({before:.4f} → {now:.4f}): what is learnt is not what is scored. Likely: {hints}."
    )
    ZT924 = (
        "The progress of training cannot be written to {path} ({reason}). Training goes on without it; make room "
        "there, or set `path` in [training.logger] to another folder."
    )
    ZT925 = (
        "{path} warms up for {warmup} steps, and training.max_steps is {max_steps}: the run ends before its rate is "
        "reached, and learns little or nothing. Set a smaller warmup_steps, or @schedules = "
        '"spacy-zh-tw-ner.linear.v1" with total_steps = ${{training.max_steps}}, whose warm-up follows max_steps.'
    )
    ZT960 = (
        "The limit of open files is {limit}: the service holds {connections} connections and {requests} requests at a "
        "time, fewer than configured. Raise it with `ulimit -n`."
    )
    ZT961 = (
        "At {speed:,.0f} characters a second, a text of {chars:,} characters takes about {needed:.0f} s, and the "
        "service gives up after {allowed:.0f} s. Lower --max-chars to {possible:,}, or raise --timeout."
    )
    ZT962 = "No API key is set: anyone who can reach {host} may use the service. Set one with --api-key-file."
    ZT926 = "The run ended after {step} updates with F 0: no evaluation had a correct entity. Likely: {hints}."
    ZT930 = (
        "Memory ran out with {size} pieces at once. They run in parts of at most {half} from now on; the results are "
        "the same."
    )
    ZT955 = (
        "The config names files that do not exist yet: {paths}. Write them with `python -m spacy zh-tw-ner convert`, "
        "or correct [paths] in the config."
    )
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
    ZT970 = "{old} has moved. Import from {new} instead; the old path will be removed in version 1.0."
