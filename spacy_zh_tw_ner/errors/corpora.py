"""Error messages about corpora: reading, conversion, export and evaluation."""


class CorpusErrors:
    """Templates of error messages about corpora (`str.format`), by code. Use them as attributes of `Errors`."""

    # Corpora
    ZT201 = "{origin} cannot be used: {problem}. It contains {seen!r}. {remedy}"
    ZT202 = "There is no file or folder {path}. {remedy}"
    ZT203 = "{path} holds no sentence. Check that it is the right file, and UTF-8 text."
    ZT204 = (
        "{path} holds {n} sentences and no entities, so no model can be trained on it. Check that the format is "
        "right ({format}), or annotate the sentences."
    )
    ZT205 = "The format of {path} was not recognised. Tried: {tried}. Name the format with --format."
    ZT206 = "{path}: byte {byte} is not UTF-8 ({reason}). Save the file as UTF-8."
    ZT207 = (
        "{path} holds no train split. Name its files or folders so that their names contain train, dev or test (found: "
        "{seen})."
    )
    ZT208 = (
        "{rejected} of {total} annotations were rejected, more than --max-rejects {limit}, so no .spacy file was "
        "written. Correct them, or raise --max-rejects. All are in {report}; the first: {first}."
    )
    ZT209 = (
        "{origin}: label {label!r} occurs in {split} but not in train, so it can never be predicted. Rename the label, "
        "or move sentences with this label to train."
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
    ZT231 = (
        "--order {value!r} is unknown, or needs a pipeline. Choose --order from {choices}, and give --pipeline for "
        "'uncertain'."
    )
    ZT232 = "Unknown output format {value!r}. Choose --format from {choices}."
    ZT233 = (
        "{path} exists already, and is not what this command writes here: it is a file instead of a folder, a folder "
        "instead of a file, or a folder with other files. Choose another output, or remove {path} first."
    )
    ZT234 = "Nothing was written to {path}: the input holds no text. Check that it is the right file."
    ZT235 = "{format} cannot hold {reason}, as in {origin}: {text!r}. Choose another --format: {able}."

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
        "{path}: [{name}] is not part of a label map. Write the tables [corpus] and [pipeline]. Each line of a table "
        'has a label and the label to compare instead, such as private_phone = "PHONE".'
    )
    ZT735 = (
        "The label map does not fit {path}: none of its entities has a label of the table [corpus] ({labels}). Write "
        "the labels of this corpus into [corpus]."
    )

    # Label Studio
    ZT743 = "The labelling configuration cannot be used: {problem}. It should be like {example}."

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

    # Overlapping entities
    ZT802 = "--spans {value} is the key of other spans of this package. Give another key of doc.spans, such as sc."
    ZT803 = (
        "The pipeline writes no doc.spans[{key!r}]. Its keys: {keys}. Give one of them with --spans, or a pipeline "
        "with the component zh_tw_crf_spans."
    )
    ZT804 = (
        "{n} entities of {split} overlap others of their label {label}, the first at {first}, and no pipeline can find "
        "both. Convert the corpus with `python -m spacy zh-tw-ner convert --spans`, which rejects them."
    )
    ZT805 = (
        "{options} cannot be combined with --spans: they are defined for entities that do not overlap. Leave one out."
    )

    # Agreement between annotators
    ZT831 = (
        "Agreement needs two or more annotators (found: {names}). Give one file per annotator, or an export of Label "
        "Studio in which several people have annotated the same tasks."
    )
    ZT832 = (
        "The annotators {names} have no text in common, so their agreement cannot be measured. Export the same texts, "
        "unchanged, from each of them. First texts: {examples}."
    )


class CorpusWarnings:
    """Templates of warnings about corpora (`str.format`), by code. Use them as attributes of `Warnings`."""

    # Agreement between annotators
    ZT833 = (
        "{first} and {second} have no text in common, so this pair is left out of the mean. To compare them, let both "
        "annotate the same texts."
    )
    ZT834 = (
        "Neither {first} nor {second} has annotated an entity in their {n} common texts, so F is undefined, and this "
        "pair is left out of the mean. If these texts have entities, check that both exports contain the annotations."
    )
    ZT835 = (
        "Only {name} uses the label {label} ({n} entities), so all of them count as differences. If others use another "
        "name for it, rename it in one of the exports; else explain the label in the guidelines."
    )
