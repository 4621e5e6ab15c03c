"""Messages about augmentation, training runs, checkpoints and training plans."""


class TrainingErrors:
    """Error messages about training, by code.

    `Errors` inherits them: `Errors.ZT241.format(name=…, value=…)` is a message that begins with its code.
    """

    # Augmentation
    ZT241 = "`{name}` of script_variants must be between 0 and 1 (got {value})."
    ZT242 = (
        "The pair {pair} of script_variants does not consist of single characters, so offsets would move. Give pairs "
        "such as 台 = 臺."
    )

    # Distillation
    ZT276 = (
        "The transition counts of soft gold must have one matrix of tags by tags for each sequence, {expected} (got "
        "{seen})."
    )
    ZT277 = (
        "The soft gold of sequence {index} gives a probability of {mass:.3f} to tags or transitions that this CRF "
        "forbids. Compute the soft gold with the same tag scheme, transitions and masks as this CRF."
    )
    ZT278 = (
        "The labels of student and teacher differ: only the student has {student}, only the teacher has {teacher}. "
        "Convert the student's corpus to the labels of the teacher, or take a teacher that was trained on this corpus. "
        "If the corpus only lacks examples of a label, list all labels as `labels` in [initialize.components.ner]."
    )
    ZT279 = (
        "{path} is not a file of texts. Give a .txt (one text per line), .jsonl or .spacy file, or a folder of them."
    )
    ZT280 = "{path} contains no text. Give a file with unlabelled texts."
    ZT282 = (
        "The predictions of the teacher cannot be read from {path} ({reason}). Run `distill` again with --force, which "
        "computes them again."
    )
    ZT283 = (
        "{path} holds the predictions of another distillation: {differences}. To continue that one, run its command "
        "again. To replace it, add --force; or choose another OUT."
    )
    ZT284 = (
        "The predictions of the teacher in {path} are missing or not complete. Run the same `distill` command again, "
        "which continues with the texts that are left."
    )
    ZT285 = (
        "Student and teacher tokenize {text!r} differently ({student} and {teacher} tokens). Copy [nlp.tokenizer] of "
        "the teacher into the config of the student; `normalize` and `script` may differ."
    )
    ZT286 = (
        "The config of the student has no component with the factory zh_tw_crf_ner (it has: {names}), so it cannot be "
        "distilled. Choose a config such as bilstm."
    )
    ZT287 = (
        "The corpus of the student contains no annotated sentence. Check the corpus in the config of the student, or "
        "set --gold-share 0 to learn from the teacher alone."
    )

    # Encoders of other pipelines
    ZT375 = (
        "Training cannot start from '{name}', because it tokenizes or normalizes text differently: {differences}. Copy "
        "[nlp.tokenizer] of '{name}' into the config, or set `start_from` in [paths] to null."
    )
    ZT376 = (
        "Training cannot start from the encoder of '{name}', because its layers differ from those of this pipeline: "
        "the first one that differs is {other} there and {one} here. Copy [components.ner.model.tok2vec] from the "
        "config.cfg of '{name}', or set `start_from` in [paths] to null."
    )
    ZT377 = (
        "The component '{component}' has no encoder of its own, because it listens to a shared component, so "
        "`start_from` cannot copy its encoder. Take the shared component from the trained pipeline instead: set "
        '`source = "{name}"` in [components.transformer] of the config.'
    )

    # Runs and checkpoints
    ZT401 = (
        "The optimizer state has {n} entries for parameters that this pipeline does not have, such as {first}. Load "
        "the pipeline that the state was saved with."
    )
    ZT430 = (
        "The progress logger cannot write into {path}: it or one of its parents is a file. Set `path` in "
        "[training.logger] to a folder, or leave it out to use that of --output."
    )
    ZT440 = (
        "The checkpoint {path} cannot be read ({reason}). Start the run again with --force, or use model-best or "
        "model-last in the same folder, which are complete."
    )
    ZT441 = (
        "The checkpoint {path} was written with another config: {differences}. Resume with the config of that run, or "
        "start a new run in another folder."
    )
    ZT442 = (
        "The checkpoint {path} does not fit this pipeline: {n} weights differ in name or shape, such as {first}. "
        "Resume with the corpus and the base model of that run."
    )
    ZT443 = '{path} = "fp16" needs a GPU. Train with --gpu-id 0, or set "fp32".'
    ZT444 = (
        '{path} = "bf16" is not supported by the GPU {name}: it needs an RTX 30, an A100 or a later GPU. Set "fp16" or '
        '"fp32".'
    )
    ZT445 = (
        "Give either --preset or --source (got --preset {preset!r} and --source {source!r}): a preset ({names}) to "
        "train a new pipeline, or the source pipeline to train further."
    )
    ZT446 = (
        "--base {base!r} cannot be combined with --source {source!r}, whose encoder is trained further. Leave "
        "--base out, or give --preset instead of --source."
    )
    ZT447 = (
        "`total_steps` of the schedule {name} must be at least 0 (got {total}). Set it to the number of updates, or to "
        "0 for no limit. If it refers to training.max_steps, set that instead."
    )

    # Planning
    ZT601 = "{origin} sets {path!r}, which does not exist in the config. Correct the path; the nearest is {near!r}."
    ZT602 = "There is no config {name!r}. {near}Give a file, or one of: {names}."
    ZT603 = "The config {path} cannot be read ({reason}). Correct the file, or choose another config."
    ZT604 = (
        "This config has no Transformer (no component with TransformerModel.v1), so no memory plan is needed: it "
        "trains on a CPU in less than 1 GiB. Run `train` directly."
    )
    ZT605 = "--vram {value} is less than CUDA itself takes ({context:.2f} GiB). Give the memory of the GPU in GiB."
    ZT606 = (
        "The batch size cannot be derived from the batcher {name!r}. Choose spacy.batch_by_sequence.v1 or "
        "spacy.batch_by_padded.v1, or give the number of sentences as --batch."
    )

    # Learning curves
    ZT816 = (
        "{path} has {n} sentences and no entity, so there is nothing to learn. Check that it is the training data, "
        "converted with `python -m spacy zh-tw-ner convert`."
    )
    ZT817 = (
        "{percent:g} % of {path} are {n} of its {all} sentences, but a point of the learning curve needs at least "
        "{least}. Give larger shares with --fractions, such as 25,50,75,100, or annotate more sentences."
    )
    ZT818 = (
        "{percents} % of {path} are the same {n} sentences, because equal sentences stay together. Give shares that "
        "are further apart with --fractions."
    )
    ZT819 = (
        "None of the {n} sentences in the subset of {percent:g} % of {path} (seed {seed}) has an entity, so there is "
        "nothing to learn. Give larger shares with --fractions, or annotate more sentences."
    )
    ZT822 = (
        "--fractions must be at least three different percentages above 0 and up to 100, such as 10,25,50,100, because "
        "the fitted curve has three parameters (got {value!r})."
    )
    ZT823 = (
        "{path} has runs of another learning curve: {differences}. Repeat that command to continue it, discard its "
        "runs with --force, or choose another folder OUT."
    )
    ZT824 = (
        "{path} is not a folder of `learning-curve`, and is not empty. Choose a new folder OUT for the runs of the "
        "learning curve."
    )
    ZT825 = (
        "The corpora of the config do not refer to {names}, so the learning curve cannot replace the training data. "
        "Write `path = ${{paths.train}}` in [corpora.train] and `path = ${{paths.dev}}` in [corpora.dev], as the "
        "configs of this package do."
    )
    ZT826 = (
        "{path} is training data, so the dev data must be named as well: give --dev. Or give the folder that has "
        "train.spacy and dev.spacy."
    )


class TrainingWarnings:
    """Warnings about training, by code.

    `Warnings` inherits them: `Warnings.ZT281.format(path=…, n=…)` is a message that begins with its code.
    """

    # Distillation
    ZT281 = (
        "{path} contains {n} annotated texts. Their annotation is not used: the teacher predicts them like all others. "
        "To learn from it, add them to the corpus of the student's config."
    )

    # Learning curves
    ZT820 = (
        "{path} has {n} entities of the label {label}, which the training data lacks, so no pipeline can find them. "
        "Rename the label, or add examples to the training data."
    )
    ZT821 = (
        "{path} has {n} entities of the label {label}, which these subsets lack, so their pipelines cannot find them: "
        "{subsets}. F at these shares is lower for that reason; compare larger shares with --fractions."
    )
    ZT827 = (
        "There is no test data, so F is measured on {path}, on which the best checkpoint of each run was chosen. It is "
        "slightly too high. Give other annotated data with --test."
    )
    ZT828 = (
        "With a single seed, the variation between runs is unknown, so the intervals are too narrow. Train with "
        "--seeds 2 or more; the runs that are finished are kept."
    )
    ZT829 = (
        "F does not rise with the amount of data in these runs, so F for more data cannot be extrapolated; the mean F "
        "of the runs is shown instead. Train longer, or with more seeds."
    )
    ZT830 = (
        "The curve that is fitted to the smaller shares predicts F {predicted:.1f} ({low:.1f}–{high:.1f}) for "
        "{percent:g} % of the data, but {measured:.1f} was measured. Do not rely on the extrapolation."
    )

    # Runs
    ZT921 = (
        "The loss of {names} is NaN or infinite, and training cannot recover. spaCy cannot save the model (error "
        '"Invalid Nan value"). Use `model-best`, which was saved before, or train again. Likely causes: {hints}.'
    )
    ZT922 = (
        "The pipeline found no entity in the last {n} evaluations, up to step {step}: it predicts the tag O (outside "
        "of entities) for every token. Likely causes: {hints}."
    )
    ZT923 = (
        "F was 0 in the last {n} evaluations, up to step {step}, although entities are found and the loss falls "
        "({before:.4f} → {now:.4f}): what the model learns is wrong for the dev data. Likely causes: {hints}."
    )
    ZT924 = (
        "The progress of training cannot be written to {path} ({reason}). Training continues without it. Free space "
        "there, or set `path` in [training.logger] to another folder."
    )
    ZT925 = (
        "{path} warms up for {warmup} steps, but training.max_steps is {max_steps}: training ends before the full "
        "learning rate is reached, and the model learns little or nothing. Set a smaller warmup_steps. Or set "
        '@schedules = "spacy-zh-tw-ner.linear.v1" and total_steps = ${{training.max_steps}}: the warm-up is then '
        "at most a tenth of the run."
    )
    ZT926 = "The run ended after {step} updates with F 0: no evaluation had a correct entity. Likely causes: {hints}."

    # Configs
    ZT955 = (
        "The config names files that do not exist yet: {paths}. Write them with `python -m spacy zh-tw-ner convert`, "
        "or correct [paths] in the config."
    )
