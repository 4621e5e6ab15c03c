"""Every message a user can meet, under a code that can be searched for.

A message says what happened, the value seen, and what to do.
"""

from typing import Any


class _Coded(type):
    """Put the attribute's name in front of the message: `Errors.ZT001` reads "[ZT001] …"."""

    def __getattribute__(cls, name: str) -> Any:
        message = super().__getattribute__(name)
        return f"[{name}] {message}" if name.startswith("ZT") else message


class CorpusError(ValueError):
    """Data that cannot be used, told with file and line."""


class Errors(metaclass=_Coded):
    """Messages for `raise`; fill them with `.format(...)`."""

    # Text and tokens
    ZT001 = (
        "The text holds a lone surrogate, U+{code:04X}, at character {index}: half of a UTF-16 pair, no character. "
        "Decode the source again, or replace it: text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
    )
    ZT002 = "CharTokenizer does not know group={value!r}. Choose from {choices}."
    ZT003 = "CharTokenizer does not know normalize={value!r}. Choose from {choices}."
    ZT004 = "CharTokenizer does not know script={value!r}. Choose an OpenCC configuration: {choices}, or null."
    # Head and CRF
    ZT101 = (
        "The component '{name}' has no labels. Its corpus holds no entity: check the corpus with "
        "`python -m spacy zh-tw-ner validate`, or give labels in [initialize.components.{name}]."
    )
    ZT102 = (
        "Emissions are not finite ({count} values, the first at row {row}). Lower the learning rate, or clip gradients."
    )
    ZT103 = "Lengths sum to {total} (the least is {least}), but there are {rows} rows of emissions."
    ZT104 = "Emissions have {seen} columns, the CRF {expected} tags."
    ZT105 = "Tags of sequence {index} form an illegal path under the constraints."
    ZT106 = "min_score={value} is no probability. Give a number from 0 to 1."
    ZT107 = "A label must be a non-empty string, not {value!r}."
    ZT108 = "No legal path exists through sequence {index} of {length} tokens: the constraints forbid every one."
    ZT109 = "The CRF has no tags: its transitions are empty. Give it labels first."
    ZT110 = (
        "The compiled CRF needs numba and emissions on the CPU; these are on {device}. Install it with "
        "`pip install spacy-zh-tw-ner[fast]`, or leave `compiled` at None."
    )
    ZT111 = "The gold of the CRF is a boolean array of the emissions' shape {expected}, not {seen}."
    ZT112 = "{name}={value} is out of range. {remedy}"
    ZT113 = "The pipeline has no component '{name}' that decodes a CRF. It has: {names}."
    # Corpora
    ZT201 = "{origin}: {problem}. Seen: {seen!r}. {remedy}"
    ZT202 = "There is no file or folder {path}. {remedy}"
    ZT203 = "{path} holds no sentence. Check that it is the right file, and UTF-8 text."
    ZT204 = "{path} holds {n} sentences and not one entity: nothing could be learnt. Check its format: {format}."
    ZT205 = "The format of {path} was not recognised. Tried: {tried}. Name it with --format."
    ZT206 = "{path}: byte {byte} is not UTF-8 ({reason}). Save the file as UTF-8."
    ZT207 = (
        "{path} holds no train split. Expected files or folders with train, dev and test in their names; seen: {seen}."
    )
    ZT208 = (
        "{rejected} of {total} annotations were rejected, more than --max-rejects {limit}. "
        "All are in {report}; the first: {first}."
    )
    ZT209 = (
        "{origin}: label {label!r} occurs in {split} but not in train, so it can never be predicted. "
        "Rename it, or move examples to train."
    )
    ZT210 = "{path} is not a .spacy file ({reason}). Make one with `python -m spacy zh-tw-ner convert`."
    ZT211 = "There is no format {value!r}. Choose from {choices}, or leave --format out."
    ZT212 = "{path} holds no {split}.spacy. Make it with `python -m spacy zh-tw-ner convert`."
    # Encoders
    ZT301 = (
        "CharNgramEmbed has widths={widths} and rows={rows}. Give one of each for unigrams, bigrams and trigrams, in "
        "this order, as [128, 64, 0]; at least one width must not be 0."
    )
    ZT302 = (
        "BiLSTM has depth={depth}, which must be 1 to 3, and an embedding '{embed}' whose width is known: {known}. "
        "Give the embedding a fixed width."
    )
    # The base of a Transformer
    ZT310 = (
        "{kind} is a slow tokenizer, which cannot say which pieces belong to which character. Save it as a fast one: "
        "AutoTokenizer.from_pretrained(..., use_fast=True).save_pretrained(...)."
    )
    ZT311 = "{kind} has none of {names}, so that there is no id to fill with. Set `pad_token` in its config."
    ZT312 = (
        "clause_windows has size={size} and overlap={overlap}. Give an overlap from 0 to a quarter of the size, "
        "such as size = 254 and overlap = 16."
    )
    ZT313 = (
        "The transformer '{name}' has no weights yet. Call nlp.initialize(), or load a saved pipeline with spacy.load."
    )
    ZT314 = (
        'precision = "{precision}" needs gradients to be scaled. Set '
        '`@optimizers = "spacy-zh-tw-ner.GroupedOptimizer.v1"` in [training.optimizer], or precision = "fp32".'
    )
    ZT315 = (
        "What is resumed was trained by an optimizer of torch, and {kind} has none. Keep "
        '`@optimizers = "spacy-zh-tw-ner.GroupedOptimizer.v1"` in [training.optimizer].'
    )
    ZT320 = "{setting}={value!r} is not possible. Choose from: {choices}."
    ZT321 = (
        "The base {name!r} (revision {revision}) could not be read: {reason} Looked in: {where}. Check `name` and "
        '`revision`, download it once with a network, or give a folder. A pipeline saved with save = "adapter" needs '
        'its base each time; "full" and "merged" do not.'
    )
    ZT322 = (
        "The checkpoint {name!r} lacks {count} weights of a {family} encoder, the first '{missing}': they would be "
        "random. It was made for something else, or its file is damaged. Choose another `name`."
    )
    ZT323 = "The weights of {name!r} do not fit its config.json: {reason} Choose another `name`, or download it again."
    ZT324 = (
        "{name!r} is a {family} model, which is not an encoder or decoder alone. Choose a `name` from the families "
        "BERT, ALBERT, ELECTRA, DeBERTa, RoBERTa, Qwen2, LLaMA."
    )
    ZT325 = (
        "lora.target_modules names {target!r}, and this {family} model has no linear layer of that name. "
        "Choose from: {candidates}; or null for the usual ones."
    )
    ZT326 = (
        "Which layers of a {family} model take adapters is not known. Set lora.target_modules. Its linear layers: "
        "{candidates}."
    )
    ZT327 = (
        "{kind!r} needs bitsandbytes, which is not installed. Run `pip install bitsandbytes` where it has wheels "
        "(Linux with glibc, Windows, macOS on Arm), or set quantization = null. A pipeline that was saved with "
        'save = "merged" needs none.'
    )
    ZT328 = (
        "quantization.kind={kind!r} does not run on {device} with this bitsandbytes and transformers: {reason} "
        "Update them (on a CPU, transformers 4.53), use another device, or set quantization = null. "
        'A pipeline that was saved with save = "merged" runs everywhere.'
    )
    ZT329 = (
        "memory.freeze_layers={n}, but the layers of this {family} model share one set of weights: none can be frozen "
        "alone. Set it to 0."
    )
    ZT330 = "memory.freeze_layers={n}, but the base has {layers} layers. Choose from 0 to {layers}."
    ZT331 = (
        "A window of {length} pieces is longer than the {limit} that {name!r} has positions for. "
        "Set a smaller window in `get_spans`."
    )
    ZT332 = 'save="adapter", but there is no adapter: lora is null. Choose save="full", or set a lora block.'
    ZT333 = (
        "The adapter belongs to another base than {name!r} (revision {revision}): its hash is {found:.12}, "
        "expected was {expected:.12}. Give the `name` and `revision` that it was trained on; a pipeline "
        'saved with save = "full" or "merged" needs none.'
    )
    ZT334 = "attention='causal', but {name!r} is a {family} model, which reads both ways. Set attention = null."
    ZT335 = "The saved adapter does not fit the model: {count} weights differ in name or shape, the first '{name}'."
    ZT336 = (
        "The transformer would take {size:.2f} GiB when saved with save={save!r}, save_dtype={save_dtype!r}, and "
        'spacy-transformers stores at most {limit:.2f} GiB. Set save = "adapter" with a lora block, or '
        'save_dtype = "fp16".'
    )
    ZT337 = 'optimizer={name!r} needs bitsandbytes, which is not installed. Choose "adamw" or "adafactor".'
    ZT338 = (
        "The saved optimizer state does not fit: its {what} was {saved}, and now is {own}. Resume with the settings "
        "(optimizer, lora, memory.freeze_layers, layer_decay) of the run that saved it, or start afresh."
    )
    ZT339 = "These bytes hold no transformer that this version can read (format {seen!r}, expected {expected})."
    ZT340 = (
        "The tokenizer of {name!r} has {pieces} pieces, its base embeddings for {rows}. They do not belong together: "
        "give a `name` whose tokenizer and weights match."
    )

    # Checkpoints with a head
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

    # Training
    ZT401 = (
        "What is resumed knows {n} parameters that this pipeline does not have, {first} among them. Load the pipeline "
        "that was saved with it."
    )

    # Annotation of files
    ZT520 = (
        "{folder} holds the half of another job: its {what} was {seen}, and now is {expected}. Give what it was begun "
        "with, to go on; or delete the folder, to start anew."
    )
    ZT521 = "{role} has the name '{path}', which does not say its format. Give one that ends in {choices}."
    ZT522 = "There is no file {path} to annotate. Check IN."
    ZT523 = "{path} is no Parquet file that can be read: {reason}. Check IN."
    ZT524 = "{path} has no column {field!r} of strings. It has: {columns}. Name one with --text-field."
    ZT525 = "{path} has a column {field!r} already. Name another for the entities with --entities-field."
    ZT526 = (
        "{path} was changed while it was read: its size or time of change is another. Nothing was put together. "
        "Start again when it is complete."
    )
    ZT527 = (
        "A worker ended before its work: it was killed, or ran out of memory ({reason}). What is finished is kept in "
        "{folder}; the same command goes on from there, perhaps with fewer --workers or a smaller --chunk-size."
    )
    ZT528 = "{setting}={value} is not possible. {remedy}"
    ZT529 = (
        "The {tokens:,} tokens so far are more than the {limit:,} that one .spacy file can hold. Write .jsonl or "
        ".parquet, or cut IN into several files."
    )
    ZT530 = "{what} needs {package}, which is not installed: pip install 'spacy-zh-tw-ner[{extra}]'."
    ZT531 = "There is no pipeline '{name}': it is no folder with a config.cfg, and no installed package."
    ZT532 = "Ray did not start or was not reached{address}: {reason}. Check --address, and RAY_AUTH_TOKEN."
    ZT533 = "--workers {workers} with --gpu, but there are {gpus} GPUs. Leave --workers out for one a GPU."

    # Pipelines made small
    ZT540 = (
        'Weights of quantization.kind="int8_cpu" multiply on CPUs only, not on {device}. Leave the GPU out, or load '
        "the pipeline that they were made from."
    )
    ZT541 = (
        "The pipeline has no Transformer of this package that could be quantised. Its components: {names}. A BiLSTM is "
        "small and fast as it is."
    )
    ZT542 = "--to {value!r} is not possible. Choose from: {choices}."
    ZT543 = (
        "F on {data} falls by {drop:.2f}, from {before:.2f} to {after:.2f}, and --max-f1-drop is {limit:g}. Nothing "
        "was written. Accept it with --force, or try --to bf16."
    )
    ZT544 = "This CPU has no bfloat16, and would take longer than with float32. Choose --to int8, or give --force."
    ZT545 = (
        "There is nothing to measure F on: no --dev was given, and the pipeline was trained with dev data that is not "
        "here ({path}). Give --dev, or --force to go without."
    )


class Warnings(metaclass=_Coded):
    """Messages for `warnings.warn`."""

    ZT901 = (
        "Another package has registered `Span._.score`, so scores of this pipeline are found "
        "in doc.spans[{key!r}].attrs['scores'] only."
    )
    ZT902 = "{n} gold annotations fit no legal tag sequence on these tokens and are taken as unknown (first: {text!r})."
    ZT920 = (
        "memory.precision={precision!r} is emulated on this {device}: it works, and takes longer than it should. "
        "Choose {other!r}."
    )
