"""Error messages about corpora: reading, conversion, export and evaluation."""


class CorpusErrors:
    """Messages about corpora, inherited by `Errors`."""

    # Corpora
    ZT201 = "{origin}: {problem}. Seen: {seen!r}. {remedy}"
    ZT202 = "There is no file or folder {path}. {remedy}"
    ZT203 = "{path} holds no sentence. Check that it is the right file, and UTF-8 text."
    ZT204 = (
        "{path} holds {n} sentences and no entities, so no model can be trained on it. Check that the format is "
        "right ({format}), or annotate the sentences."
    )
    ZT205 = "The format of {path} was not recognised. Tried: {tried}. Name it with --format."
    ZT206 = "{path}: byte {byte} is not UTF-8 ({reason}). Save the file as UTF-8."
    ZT207 = (
        "{path} holds no train split. Name files or folders so that they contain train, dev or test (found: {seen})."
    )
    ZT208 = (
        "{rejected} of {total} annotations were rejected, more than --max-rejects {limit}, so no .spacy file was "
        "written. Correct them, or raise --max-rejects. All are in {report}; the first: {first}."
    )
    ZT209 = (
        "{origin}: label {label!r} occurs in {split} but not in train, so it can never be predicted. "
        "Rename it, or move examples to train."
    )
    ZT210 = "{path} is not a .spacy file ({reason}). Make one with `python -m spacy zh-tw-ner convert`."
    ZT211 = "Unknown input format {value!r}. Choose from {choices}, or leave --format out."
    ZT212 = "{path} holds no {split}.spacy. Make it with `python -m spacy zh-tw-ner convert`."

    # Formats
    ZT221 = "Unknown unit of offsets {value!r}. Choose --offsets from {choices}."
    ZT222 = "{path} should hold the names of the tags, but is not valid JSON ({reason}). Correct or remove it."
    ZT223 = (
        "{origin}: the tags in {field} are numbers, and no file has their names. Write the names, in order, to a file "
        'in the same folder, such as labels.json with ["O", "B-PER", …]. Searched: {tried}.'
    )
    ZT224 = "{path} is Parquet, which needs pyarrow. Run `{hint}`."
    ZT225 = "The Parquet file {path} cannot be read ({reason}). Copy or download it again."

    # Export
    ZT230 = (
        "{origin}: the annotation {label} at {start}–{end}, {surface!r}, cannot be used: {reason}. Correct it, or "
        "first make a .spacy file with `convert --max-rejects`, which leaves such annotations out."
    )
    ZT231 = "--order {value!r} is not possible. Choose --order from {choices}; 'uncertain' needs --pipeline."
    ZT232 = "Unknown output format {value!r}. Choose --format from {choices}."
    ZT233 = (
        "{path} exists already, and is not what this command writes here: it is a file instead of a folder, a folder "
        "instead of a file, or a folder with other files. Choose another output, or remove {path} first."
    )
    ZT234 = "Nothing was written to {path}: the input holds no text. Check that it is the right file."
    ZT235 = "{format} cannot hold {reason}, as in {origin}: {text!r}. Choose --format from {able}."

    # Conversion
    ZT243 = (
        "{origin}: the label is the number {number}, and no file says which label that is. Write the names "
        'of all labels to a file in the same folder, such as labels.json with ["PERSON", "GPE"] or {{"1": "PERSON"}}. '
        "Searched: {tried}."
    )
    ZT244 = "{path} holds several corpora: {folders}. Give one of them."
    ZT245 = "--split must be two or three numbers greater than 0, such as 8:1:1 or 9:1 (got {value!r})."
    ZT246 = (
        "--split needs at least one document or text for each of {splits} (got {n}; equal texts count once). Give a "
        "larger corpus, or a ratio of fewer splits."
    )
    ZT247 = "--split writes several files, so the output must be a folder (got {path})."
    ZT248 = "{path} has splits already: {splits}. Leave --split out, or give a single file."

    # Evaluation
    ZT402 = "--seqeval needs seqeval, which is not installed. Run `{hint}`, or leave it out."
    ZT403 = (
        "{path}: PNG needs resvg-py, which is not installed. Run `{hint}`, or choose .svg, which every browser shows."
    )
    ZT404 = "{value!r} is not a supported image format. Choose from {choices}."
    ZT410 = "{path} does not contain scores. Write them with `evaluate PIPELINE CORPUS --output {path}`."

    # Folders of corpora
    ZT730 = "The folder {path} holds no .spacy file. Make one with `python -m spacy zh-tw-ner convert`."
    ZT732 = "{path} holds several splits: {splits}. Give one of them, such as {path}/dev.spacy."

    # Label maps
    ZT733 = "The label map {path} cannot be read: {reason}. Write it as TOML, as docs/evaluation.md shows."
    ZT734 = (
        "{path}: [{name}] is not part of a label map. Write the tables [corpus] and [pipeline], with a label and the "
        'label to compare on each line: private_phone = "PHONE".'
    )
    ZT735 = (
        "{path}: no entity has a label of the map ({labels}). Compare the labels in [corpus] with those of the file."
    )

    # Wrong annotations (find-errors)
    ZT756 = (
        "{path} has no entity in {n} sentences, so no pipeline can learn its labels. Check the format and the labels "
        "of the corpus, or judge it with --pipeline."
    )
    ZT757 = (
        "{path} has {n} different sentences, which cannot be divided into {folds} folds. Set --folds to at most {n}, "
        "or judge the corpus with --pipeline."
    )
    ZT758 = (
        "Fold {fold} of {folds} has no entity: the corpus has entities in {n} sentences. Set a lower --folds or "
        "another --seed, or judge the corpus with --pipeline."
    )
    ZT759 = "`{name}` must be from {low} to {high} (got {value})."
    ZT760 = (
        "The folder {path} holds fold pipelines of another corpus, config, seed or number of folds. Give another "
        "--work folder, or replace them with --force."
    )
    ZT761 = (
        "The pipeline {name} has none of the labels of {path}, so it cannot judge its annotations. Labels of the "
        "pipeline: {known}. Labels of the corpus: {labels}."
    )
    ZT762 = (
        "The pipeline {name} lacks these labels of {path}, and does not judge their annotations: {labels}. Use a "
        "pipeline with the labels of the corpus."
    )
    ZT763 = (
        "The config {config} has no last step (`training.max_steps` is {value}), so training would not end: without "
        "held-out data, `patience` is not used. Set `training.max_steps` in the config."
    )
