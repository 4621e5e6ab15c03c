"""Messages about pipelines converted from checkpoints, quantized pipelines, and exported models."""


class ExportErrors:
    """Error messages about conversion and export, inherited by `Errors`."""

    # Trimmed base models
    ZT252 = "The vocabulary of {name!r} cannot be trimmed. {what}"
    ZT253 = (
        "--scripts names {script!r}, which is not a script of Unicode. Give the Unicode name of a script, such as "
        "{choices}."
    )
    ZT254 = "{path} has no text, so no character would be kept. Give a UTF-8 file with text, or leave --texts out."

    # Checkpoints with a head
    ZT350 = (
        "The checkpoint '{name}' has no token classification head (its architecture: {kinds}). Give one that was "
        "trained for tagging, such as ckiplab/bert-base-chinese-ner, or train with configs/transformer.cfg."
    )
    ZT351 = (
        "The head of the checkpoint '{name}' is a {kind}, not a single linear layer, and cannot be converted. Choose "
        "another checkpoint, or train with configs/transformer.cfg."
    )
    ZT352 = "The labels of the checkpoint '{name}' have no names ({labels} …). Set `id2label` in its config.json."
    ZT353 = (
        "The classifier of the checkpoint '{name}' has {seen} inputs, but the encoder of this pipeline has {expected} "
        "outputs. Give the checkpoint that the encoder was loaded from."
    )
    ZT354 = (
        "The checkpoint '{name}' (labels: {seen}) and the recognizer (labels: {expected}) have no label in common. "
        "Give a checkpoint with the labels of the recognizer."
    )
    ZT355 = (
        "The label {label!r} of the checkpoint '{name}' is in no supported tag scheme. Rename it in `id2label` of its "
        "config.json: O, or B-, I-, M-, E-, L-, S- or U- before a name, such as B-ORG."
    )

    # Quantized pipelines
    ZT541 = (
        "The pipeline cannot be quantized to {to}: it has no {encoders} of this package (components: {names}). Choose "
        "another pipeline, or another --to: int8 needs a Transformer, bf16 a Transformer or a BiLSTM."
    )
    ZT542 = "--to {value!r} is not supported. Choose from: {choices}."
    ZT543 = (
        "F on {data} falls by {drop:.2f}, from {before:.2f} to {after:.2f}, more than --max-f1-drop {limit:g}. Nothing "
        "was written. Accept the lower F with --ignore-f1-drop, or choose --to {instead}."
    )
    ZT544 = (
        "This CPU has no bfloat16 instructions, so bf16 would be no faster than float32. Choose --to int8, or write "
        "bf16 all the same with --ignore-f1-drop."
    )
    ZT545 = (
        "F cannot be measured: --dev is missing, and the dev data of the pipeline's training ({path}) do not exist. "
        "Give --dev, or skip the check with --ignore-f1-drop."
    )

    # Pipelines as ONNX
    ZT546 = "`export-onnx` needs packages that are not installed ({missing}). Run `{hint}`."
    ZT547 = (
        "The component '{name}' cannot be exported to ONNX, because its encoder is not a Transformer of this package "
        "(TransformerModel.v1 with a TransformerListener, or Tok2VecTransformer.v1). Export a pipeline with such an "
        "encoder. This pipeline runs only in spaCy, as does every pipeline with a BiLSTM."
    )
    ZT548 = (
        "The weights of this pipeline are quantized to torch's int8, which ONNX does not support. Export the original "
        "pipeline, from before its weights were quantized. With --to int8, the exported model is quantized."
    )
    ZT549 = (
        "The pipeline cannot be exported: its tokenizer is not CharTokenizer with single characters (got {seen}). "
        "Train with group = [] and script = null, and convert the script of texts beforehand."
    )
    ZT550 = (
        "torch cannot export a Transformer of the family '{family}' to ONNX ({reason}). Use a tested family: BERT, "
        "ALBERT, ELECTRA, DeBERTa-v2, Qwen2 or LLaMA."
    )
    ZT551 = (
        "The ONNX model differs from the pipeline: emissions by {difference:.1e} of the largest (allowed: "
        "{tolerance:.0e}), and {other} of {total} tags. Nothing was written. Install the package versions in "
        "constraints.txt of the source code of spacy-zh-tw-ner, and export again."
    )
    ZT552 = (
        "The weights of this pipeline are quantized ({kind}), which ONNX does not support. Save it with plain weights "
        'first: spacy.load(PIPELINE, config={{"components.transformer.model.save": "merged"}}).to_disk(PLAIN).'
    )

    # Exported models
    ZT630 = (
        "{path} is not an exported model: it must be a folder that contains {files}. Write one with "
        "`zh-tw-ner export-onnx`."
    )
    ZT631 = (
        "The exported model {path} has format {seen!r}, written by {by}, which this version cannot read. Update "
        "spacy-zh-tw-ner, or export the model again with this version and `zh-tw-ner export-onnx`."
    )
    ZT632 = "The exported model {path} needs ONNX Runtime, which is not installed. Run `pip install onnxruntime`."
    ZT633 = (
        "The exported model cannot be read from {path}: {reason}. Copy all of its files again, or export it again with "
        "`zh-tw-ner export-onnx`."
    )
