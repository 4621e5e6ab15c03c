"""Messages about training, and planning it."""


class TrainingErrors:
    """Part of `Errors`."""

    # Augmentation
    ZT241 = "script_variants has {name}={value}. Give a share from 0 to 1."
    ZT242 = "script_variants has the pair {pair}. Give pairs of single characters, such as 台 = 臺: no offset may move."

    # Encoders of other pipelines
    ZT375 = (
        "'{name}' cuts text into tokens or normalizes it differently from the pipeline that is to start from it: "
        "{differences}. Copy [nlp.tokenizer] of '{name}' into the config, or set start_from to null."
    )
    ZT376 = (
        "The encoder of '{name}' cannot be started from: it has {other}, and this pipeline has {one}. Train with the "
        "[components.ner.model.tok2vec] of its config.cfg, or set start_from to null."
    )
    ZT377 = (
        "The component '{component}' has no encoder of its own, it listens to another component. Take over that "
        'component: `[components.transformer]` with `source = "{name}"`.'
    )

    # Runs and checkpoints
    ZT401 = (
        "The checkpoint has {n} parameters that this pipeline does not have, {first} among them. Load the pipeline "
        "that was saved with it."
    )
    ZT430 = (
        "The progress logger cannot write below {path}, where there is a file. Set `path` in [training.logger] to a "
        "folder, or leave it out: then it is the one given as --output."
    )
    ZT440 = (
        "The checkpoint {path} cannot be read ({reason}). Start again with --force, or use the models in the same "
        "folder, which are complete."
    )
    ZT441 = (
        "{path} belongs to another config: {differences}. Resume with the config of that run, or start a new one in "
        "another folder."
    )
    ZT442 = (
        "{path} has other weights than this config: {n} differ in name or shape, {first} among them. Was the corpus "
        "or the base model changed?"
    )
    ZT443 = '{path} = "fp16" needs a GPU. Train with --gpu-id 0, or set "fp32", or "bf16" if the CPU supports it.'
    ZT444 = '{path} = "bf16", which {name} does not support (GPUs do since RTX 30 and A100). Set "fp16".'
    ZT445 = (
        "Give one of --preset and --source (got --preset {preset!r} and --source {source!r}): a preset to train from a "
        "base model or from scratch ({names}), a source to train a pipeline further."
    )
    ZT446 = (
        "--base {base!r} cannot be combined with --source {source!r}, whose own encoder is trained further. Leave "
        "--base out, or give --preset to train another base model."
    )
    ZT447 = (
        "The schedule {name} needs total_steps of at least 0 (got {total}). It follows training.max_steps: set that to "
        "the number of updates, or to 0 for no limit."
    )

    # Planning
    ZT601 = "{origin} sets {path!r}, which no config has (nearest: {near!r}). Correct the path."
    ZT602 = "There is no config {name!r}. {near}Give a file, or one of: {names}."
    ZT603 = "{path} is not a config: {reason}"
    ZT604 = (
        "This config has no Transformer (no component with TransformerModel.v1), so there is nothing to plan: models "
        "without one train on a CPU in less than 1 GiB."
    )
    ZT605 = "--vram {value} is less than CUDA itself takes ({context:.2f} GiB). Give the memory of the card in GiB."
    ZT606 = (
        "The batcher {name!r} does not determine how many sentences run at once. Choose spacy.batch_by_sequence.v1 or "
        "spacy.batch_by_padded.v1, or give --batch."
    )


class TrainingWarnings:
    """Part of `Warnings`."""

    # Runs
    ZT921 = (
        "The loss of {names} is NaN or infinite. Training cannot recover, and spaCy cannot save the model (error "
        '"Invalid Nan value"). Use `model-best`, which was saved before, or train again. Likely: {hints}.'
    )
    ZT922 = (
        "Not one entity was found in the last {n} evaluations, up to step {step}: every token is O. Likely: {hints}."
    )
    ZT923 = (
        "F was 0 in the last {n} evaluations, up to step {step}, though entities are found and the loss falls "
        "({before:.4f} → {now:.4f}): the training data differ from the dev data. Likely: {hints}."
    )
    ZT924 = (
        "The progress of training cannot be written to {path} ({reason}). Training continues without it; free some "
        "space there, or set `path` in [training.logger] to another folder."
    )
    ZT925 = (
        "{path} warms up for {warmup} steps, and training.max_steps is {max_steps}: training ends before the full "
        "learning rate is reached, and learns little or nothing. Set a smaller warmup_steps, or @schedules = "
        '"spacy-zh-tw-ner.linear.v1" with total_steps = ${{training.max_steps}}, whose warm-up follows max_steps.'
    )
    ZT926 = "The run ended after {step} updates with F 0: no evaluation had a correct entity. Likely: {hints}."

    # Configs
    ZT955 = (
        "The config names files that do not exist yet: {paths}. Write them with `python -m spacy zh-tw-ner convert`, "
        "or correct [paths] in the config."
    )
