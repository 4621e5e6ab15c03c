"""Messages about pipelines made from checkpoints, quantized pipelines, and exported models."""


class ExportErrors:
    """Part of `Errors`."""

    # Trimmed base models
    ZT252 = "{name!r} is no base model that can be trimmed. {what}"
    ZT253 = "--scripts names {script!r}, which is no script of Unicode. Choose from {choices}, and others of Unicode."
    ZT254 = "{path} has no text, so no character would be kept. Give a UTF-8 file with text, or leave --texts out."

    # Checkpoints with a head
    ZT350 = (
        "'{name}' has no head for token classification: it is a checkpoint of {kinds}. Give one that was trained for "
        "tagging, such as ckiplab/bert-base-chinese-ner, or train one with configs/transformer.cfg."
    )
    ZT351 = (
        "The head of '{name}' is a {kind}, not one linear layer, and cannot be converted to emissions. Choose another "
        "checkpoint, or train one with configs/transformer.cfg."
    )
    ZT352 = "The labels of '{name}' have no names ({labels} …). Set `id2label` in its config.json."
    ZT353 = (
        "The classifier of '{name}' is {seen} wide, the encoder of this pipeline {expected}: they do not fit "
        "together. Give the checkpoint that the encoder was loaded from."
    )
    ZT354 = (
        "'{name}' and the component have no label in common. It has {seen}; the component {expected}. Give a "
        "checkpoint with the same labels."
    )
    ZT355 = (
        "The label {label!r} of '{name}' is in no known scheme. Supported are O, and B-, I-, M-, E-, L-, S- or U- "
        "before a name, such as B-ORG. Rename it in the config of the checkpoint."
    )

    # Quantized pipelines
    ZT541 = (
        "The pipeline cannot be quantized to {to}: it has no {encoders} of this package (components: {names}). int8 "
        "needs a Transformer; bf16 needs a Transformer or a BiLSTM. Choose another --to, or another pipeline."
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
        "There is no data to measure F on: no --dev was given, and the dev data that the pipeline was trained with is "
        "not here ({path}). Give --dev, or --ignore-f1-drop to do without."
    )

    # Pipelines as ONNX
    ZT546 = "`export-onnx` needs packages that are not installed ({missing}). Run `{hint}`."
    ZT547 = (
        "The component '{name}' cannot be exported to ONNX: it does not read a Transformer of this package directly, "
        "through TransformerModel.v1 with a TransformerListener, or Tok2VecTransformer.v1. Export such a pipeline, or "
        "run this one in spaCy. (The input of a BiLSTM is computed by spaCy.)"
    )
    ZT548 = (
        "The weights of this pipeline are quantized for torch, and ONNX has another format. Export the pipeline that "
        "it was made from, with --to int8."
    )
    ZT549 = (
        "The tokenizer of the pipeline is not CharTokenizer with single characters ({seen}), and cannot be reproduced "
        "without spaCy. Train with group = [] and script = null; convert the script of texts before they are read."
    )
    ZT550 = (
        "torch cannot export a Transformer of the family '{family}' as ONNX: {reason} BERT, ALBERT, ELECTRA, "
        "DeBERTa-v2, Qwen2 and LLaMA are tested."
    )
    ZT551 = (
        "The ONNX model differs from the pipeline: emissions by {difference:.1e} of the largest ({tolerance:.0e} is "
        "allowed), and {other} of {total} tags. Nothing was written. Try the versions of constraints.txt."
    )
    ZT552 = (
        "The weights of this pipeline are quantized ({kind}), which ONNX does not support. Save it with plain weights "
        'first: spacy.load(PIPELINE, config={{"components.transformer.model.save": "merged"}}).to_disk(PLAIN).'
    )

    # Exported models
    ZT630 = "{path} is not an exported model: it needs {files}. Write it with `zh-tw-ner export-onnx`."
    ZT631 = (
        "{path} is of format {seen!r}, written by {by}, which this version does not read. Export it again with "
        "`zh-tw-ner export-onnx`, or update this package."
    )
    ZT632 = "{path} needs ONNX Runtime, which is not installed. Run `pip install onnxruntime`."
    ZT633 = "{path} cannot be read ({reason}). Was it copied completely? Export it again with `zh-tw-ner export-onnx`."
