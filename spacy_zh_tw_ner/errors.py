"""Every message a user can meet, under a code that can be searched for.

A message says what happened, the value seen, and what to do.
"""

from typing import Any


class _Coded(type):
    """Put the attribute's name in front of the message: `Errors.ZT001` reads "[ZT001] …"."""

    def __getattribute__(cls, name: str) -> Any:
        message = super().__getattribute__(name)
        return f"[{name}] {message}" if name.startswith("ZT") else message


class TrainingError(ValueError):
    """A run that cannot begin, or cannot be resumed."""


class PlanError(ValueError):
    """A config that cannot be planned or trained."""


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
    # Formats of corpora
    ZT221 = "There is no unit of offsets {value!r}. Choose --offsets from {choices}."
    ZT222 = "{path} is not JSON ({reason}), and the names of the tags were looked for in it. Correct or remove it."
    ZT223 = (
        "{origin}: ner_tags are numbers, and nothing says which tags they stand for. Put the names, in order, in a "
        'file beside it, such as labels.json with ["O", "B-PER", …]. Looked for {tried}.'
    )
    ZT224 = "{path} is Parquet, which needs pyarrow. Install it: `pip install spacy-zh-tw-ner[parquet]`."
    ZT225 = "{path} is not a Parquet file that can be read ({reason}). Is it cut off?"
    ZT230 = (
        "{origin}: the annotation {label} at {start}–{end}, {surface!r}, cannot be used: {reason}. Correct it, or make "
        "a .spacy file with `convert --max-rejects` first."
    )
    ZT231 = "There is no order {value!r} here. Choose --order from {choices}; 'uncertain' needs --model."
    ZT232 = "There is no format {value!r} to write. Choose --format from {choices}."
    ZT233 = "{path} is there already, and is no output of this kind. Name another, or remove it first."
    ZT234 = "There is no text to write to {path}."
    ZT235 = "{format} cannot hold {reason}, as in {origin}: {text!r}. Choose --format from {able}."
    # Augmentation
    ZT241 = "script_variants has {name}={value}. Give a share from 0 to 1."
    ZT242 = "script_variants has the pair {pair}. Give pairs of single characters, such as 台 = 臺: no offset may move."
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
    ZT374 = "The folder for the ensemble, {path}, is one of its pipelines, which would be lost. Choose another."

    # Training
    ZT401 = (
        "What is resumed knows {n} parameters that this pipeline does not have, {first} among them. Load the pipeline "
        "that was saved with it."
    )
    ZT430 = (
        "The progress logger cannot write below {path}, where there is a file. Set `path` in [training.logger] to a "
        "folder, or leave it out: then it is the one given as --output."
    )
    ZT440 = (
        "{path} is no checkpoint that can be read ({reason}). Start without --resume; the models beside it are whole."
    )
    ZT441 = (
        "{path} belongs to another config: {differences}. Resume with the config of that run, or start anew in another "
        "folder."
    )
    ZT442 = (
        "{path} holds other weights than this config makes: {n} differ in name or shape, {first} among them. Was the "
        "corpus changed, or the base?"
    )
    ZT443 = '{path} = "fp16" needs a GPU. Train with --gpu-id 0, or set "fp32", or "bf16" where the CPU has it.'
    ZT444 = '{path} = "bf16", which {name} does not have (it came with RTX 30 and A100). Set "fp16".'

    # Planning
    ZT601 = "{origin} sets {path!r}, which no config has (nearest: {near!r}). Correct the path."
    ZT602 = "There is no config {name!r}. {near}Give a file, or one of: {names}."
    ZT603 = "{path} is no config: {reason}"
    ZT604 = (
        "This config has no Transformer (no component with TransformerModel.v1), so that there is nothing to plan: "
        "what learns from nothing trains on a CPU in less than 1 GiB."
    )
    ZT605 = "--vram {value} is less than CUDA takes for itself ({context:.2f} GiB). Give the memory of the card in GiB."
    ZT606 = (
        "The batcher {name!r} does not say how many sentences run at once. Choose spacy.batch_by_sequence.v1 or "
        "spacy.batch_by_padded.v1, or give --batch."
    )

    # Evaluation
    ZT402 = (
        "--seqeval needs seqeval, which is not installed. Run `pip install spacy-zh-tw-ner[evaluate]`, or leave it out."
    )
    ZT403 = (
        "{path}: a PNG needs resvg-py, which is not installed. Run `pip install spacy-zh-tw-ner[evaluate]`, or "
        "take SVG, which every browser shows."
    )
    ZT404 = "{value!r} is no format for pictures. Choose from {choices}."

    # The service
    ZT501 = "{name}={value} would let nothing through. Give a number above 0."
    ZT502 = "There is no pipeline {source!r}: no folder, and no installed package. Check the name."
    ZT503 = "The name {name!r} of a pipeline ({argument!r}) is empty or taken. Name each of them: NAME=PIPELINE."
    ZT504 = (
        "The pipeline '{name}' takes {size:.0f} MiB, more than all together may ({limit:.0f} MiB). Raise "
        "--max-models-mib, or quantize it."
    )
    ZT505 = "`serve` needs packages that are not installed ({missing}). Run `pip install spacy-zh-tw-ner[serve]`."
    ZT506 = "The body is not JSON ({reason}). Send an object such as {example}."
    ZT507 = "The body is longer than {limit:,} bytes. Send it in parts, or have --max-body-mib raised."
    ZT508 = "{field}: {problem}."
    ZT509 = "The Content-Type is {seen!r}. Send {expected}."
    ZT510 = "The service is busy: its queue is full. Try again in {seconds} s."
    ZT511 = "The pipeline fails at this text ({kind}). The others of the request are not to blame; leave this one out."
    ZT512 = "The answer took longer than {seconds:g} s. Try again later, or send less at a time."
    ZT513 = "The body did not come within {seconds:g} s. Send it faster, or in parts."
    ZT514 = "This service wants a key, and {seen}. Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
    ZT515 = "There is no pipeline {name!r} here. There are: {names}."
    ZT516 = "The pipeline does not know the label {label!r}. It knows: {labels}."
    ZT517 = "The service answers no such request: {problem}. What it answers stands at /docs."
    ZT518 = "The service is not ready: {reason}."
    ZT519 = "Something went wrong that is no fault of the request. It was logged under {id}."

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
    ZT930 = (
        "Memory ran out with {size} pieces at once. They run in parts of at most {half} from now on; the results are "
        "the same."
    )
