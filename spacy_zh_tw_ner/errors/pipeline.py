"""Messages about tokenization, the CRF head, and the components of a pipeline."""


class PipelineMessages:
    """Part of `Errors`."""

    # Text and tokens
    ZT001 = (
        "The text holds a lone surrogate, U+{code:04X}, at character {index}: half of a UTF-16 pair, no character. "
        "Decode the source again, or replace it: text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
    )
    ZT002 = "CharTokenizer does not know group={value!r}. Choose from {choices}."
    ZT003 = "CharTokenizer does not know normalize={value!r}. Choose from {choices}."
    ZT004 = (
        "There is no script={value!r}. Choose an OpenCC configuration: {choices}; "
        "or none at all, which is null in a config, and `none` on the command line."
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
        "Lengths must be at least 0 and sum to the {rows} rows of emissions (got a sum of {total}, the least {least})."
    )
    ZT104 = "Emissions must have one column for each of the {expected} tags of the CRF (got {seen})."
    ZT105 = "Tags of sequence {index} form an illegal path under the constraints."
    ZT106 = "min_score must be from 0 to 1 (got {value})."
    ZT107 = "A label must be a non-empty string, not {value!r}."
    ZT108 = "No legal path exists through sequence {index} of {length} tokens: the constraints forbid every one."
    ZT109 = "The CRF has no tags: its transitions are empty. Give it labels first."
    ZT110 = "compiled=True needs numba, which is not installed. Run `{hint}`, or leave `compiled` at None."
    ZT111 = "The gold mask of the CRF must be a boolean array of the shape of the emissions, {expected} (got {seen})."
    ZT112 = "{name}={value} is out of range. {remedy}"
    ZT113 = "The pipeline has no component '{name}' that decodes a CRF. It has: {names}."
    ZT611 = (
        "The emissions of a long document could not be written to disk after {rows:,} tokens ({mib:.0f} MiB): "
        "{reason}. Free space in the folder of temporary files, or set TMPDIR to another folder."
    )

    # Checkpoints with a head
    ZT341 = (
        'Memory ran out in training, and memory.micro_batch is null: {reason} Set it to "auto", so that a batch which '
        "does not fit runs in parts."
    )
    ZT342 = (
        "Memory ran out with one window of {length} pieces alone. Set memory.gradient_checkpointing = true, a smaller "
        "get_spans.size, a lora block, or a smaller base; `zh-tw-ner plan` tells what each of them gives."
    )
    ZT343 = (
        'Memory ran out when {name} made its states: {reason} Choose optimizer "adamw_bnb_8bit" or "adafactor", a '
        "lora block, or more memory.freeze_layers."
    )
    ZT350 = (
        "'{name}' has no head for token classification: it is a checkpoint of {kinds}. Give one that was trained to "
        "tag, such as ckiplab/bert-base-chinese-ner, or train one with configs/transformer.cfg."
    )
    ZT351 = "The head of '{name}' is a {kind}, not one linear layer, and cannot become emissions."
    ZT352 = "The labels of '{name}' have no names ({labels} …). Set `id2label` in its config.json."
    ZT353 = "The classifier of '{name}' is {seen} wide, the encoder of this pipeline {expected}: they are no pair."
    ZT354 = "'{name}' and the component have no label in common. It has {seen}; the component {expected}."
    ZT355 = (
        "The label {label!r} of '{name}' is in no known scheme. Known are O, and B-, I-, M-, E-, L-, S- and U- "
        "before a name."
    )

    # Use of components
    ZT115 = (
        "The temperature cannot be fitted: the {n} held-out documents hold no entity with a label that the component "
        "'{name}' predicts ({labels}). Give dev data with gold entities."
    )
    ZT116 = (
        "The component '{name}' has not been trained: it has {missing}. Call nlp.initialize() with examples and train "
        "it, or load a trained pipeline with spacy.load()."
    )

    # Word lists
    ZT360 = (
        "The evidence {text!r} has the label {label!r}, which this component cannot predict. It has {labels}. Correct "
        "the label, or set override = true in zh_tw_gazetteer, which makes entities of words whatever their labels."
    )
    ZT361 = (
        "zh_tw_gazetteer has bonus={value}. Give a finite number above 0, such as 2; override = true leaves no doubt."
    )
    ZT362 = (
        "zh_tw_gazetteer cannot take {value!r} for {label!r}. Give a list of words, none of them empty or with white "
        "space at an edge."
    )
    ZT363 = (
        "doc.spans[{key!r}] has {spans} spans and {bonuses} bonuses in its attrs. Give one each, or leave attrs empty."
    )

    # Ensembles
    ZT370 = "An ensemble is made of two pipelines at least, not {n}."
    ZT371 = (
        "The labels of {other} are not those of {one}, so that their probabilities cannot be averaged. Only {one} has: "
        "{only_one}. Only {other} has: {only_other}. Train them on the same labels, or leave one out."
    )
    ZT372 = (
        "{other} cuts or reads text otherwise than {one}: {differences}. Train them with the same [nlp.tokenizer], or "
        "leave one out."
    )
    ZT373 = (
        "'{name}' is an ensemble of {n} pipelines, which learns nothing itself. Train pipelines, and make one of them "
        "with `python -m spacy zh-tw-ner ensemble A B OUT`."
    )

    # Encoders that another pipeline has taught
    ZT375 = (
        "'{name}' cuts or reads text otherwise than the pipeline that is to start from it: {differences}. Train with "
        "its [nlp.tokenizer], or set start_from to null."
    )
    ZT376 = (
        "The encoder of '{name}' cannot be started from: it has {other}, where this one has {one}. Train with the "
        "[components.ner.model.tok2vec] of its config.cfg, or set start_from to null."
    )
    ZT377 = (
        "The component '{component}' has no encoder of its own, it listens to another component. Take that over as a "
        'whole: `[components.transformer]` with `source = "{name}"`.'
    )

    # Pipelines made small
    ZT540 = (
        'Weights of quantization.kind="int8_cpu" multiply on CPUs only, not on {device}. Leave the GPU out, or load '
        "the pipeline that they were made from."
    )
    ZT541 = (
        "The pipeline has no {encoders} of this package for --to {to}. Its components: {names}. A Transformer takes "
        "int8 and bf16, a BiLSTM bf16."
    )
    ZT542 = "--to {value!r} is not possible. Choose from: {choices}."
    ZT543 = (
        "F on {data} falls by {drop:.2f}, from {before:.2f} to {after:.2f}, and --max-f1-drop is {limit:g}. Nothing "
        "was written. Accept it with --ignore-f1-drop, or choose --to {instead}."
    )
    ZT544 = (
        "This CPU has no bfloat16 instructions, so bf16 would be slower than float32. Choose --to int8, or give "
        "--ignore-f1-drop."
    )
    ZT545 = (
        "There is nothing to measure F on: no --dev was given, and the pipeline was trained with dev data that is not "
        "here ({path}). Give --dev, or --ignore-f1-drop to go without."
    )

    # Pipelines as ONNX
    ZT546 = "`export-onnx` needs packages that are not installed ({missing}). Run `{hint}`."
    ZT547 = (
        "The component '{name}' does not read the hidden states of a Transformer of this package as they are, and "
        "nothing else is written as ONNX: TransformerModel.v1 behind a TransformerListener, or Tok2VecTransformer.v1. "
        "A BiLSTM reads hashes that only spaCy makes; it is small and fast as it is."
    )
    ZT548 = (
        "The weights of this pipeline are in 8 bits for torch, which ONNX has in another way. Export the pipeline that "
        "it was made from, with --to int8."
    )
    ZT549 = (
        "The pipeline's tokens are not made by CharTokenizer of single characters ({seen}), and could not be made "
        "without spaCy. Train with group = [] and script = null; convert the script of texts before they are read."
    )
    ZT550 = (
        "torch cannot write a Transformer of the family '{family}' as ONNX: {reason} BERT, ALBERT, ELECTRA, "
        "DeBERTa-v2, Qwen2 and LLaMA are tested."
    )
    ZT551 = (
        "What was written as ONNX is not what the pipeline is: emissions differ by {difference:.1e} of the largest "
        "({tolerance:.0e} is allowed), and {other} of {total} tags are others. Nothing was written. Try the versions "
        "of constraints.txt."
    )
    ZT552 = (
        "The weights of this pipeline are quantised ({kind}), which ONNX does not know. Save it with plain weights "
        'first: spacy.load(PIPELINE, config={{"components.transformer.model.save": "merged"}}).to_disk(PLAIN).'
    )
