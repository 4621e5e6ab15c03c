"""Messages of commands: annotation of files, errors that end a command, and devices."""


class CommandErrors:
    """Part of `Errors`."""

    # Annotation: jobs
    ZT520 = (
        "{path} is the journal of another job: its {what} was {seen}, now it is {expected}. Repeat the former command "
        "to continue that job, or discard it with --force."
    )
    ZT521 = "{role} has the name '{path}', which has no suffix of a known format. Give one that ends in {choices}."
    ZT522 = "There is no file {path} to annotate. Check the first argument, IN."
    ZT523 = "{path} is not a Parquet file that can be read: {reason}. Check IN."
    ZT524 = "{path} has no column {field!r} of strings. It has: {columns}. Name one with --text-field."
    ZT525 = "{path} has a column {field!r} already. Name another for the entities with --entities-field."
    ZT526 = (
        "{path} was changed while it was read: its size or time of modification differs. No output was written. Start "
        "again when it is complete."
    )
    ZT527 = (
        "A worker process was killed, or ran out of memory ({reason}). Finished work is kept in {folder}; the same "
        "command continues from there, perhaps with fewer --workers or a smaller --chunk-size."
    )
    ZT528 = "{setting}={value} is not allowed. {remedy}"
    ZT529 = (
        "The {tokens:,} tokens so far are more than the {limit:,} that one .spacy file can hold. Write .jsonl or "
        ".parquet, or cut IN into several files."
    )
    ZT530 = "{what} needs {package}, which is not installed. Run `{hint}`."
    ZT532 = "Ray did not start or was not reached{address}: {reason}. Check --address, and RAY_AUTH_TOKEN."
    ZT533 = "--workers {workers} with --gpu, but there are {gpus} GPUs. Leave --workers out for one worker per GPU."

    # Errors that end a command
    ZT676 = "{path}: {reason}. {remedy}"
    ZT677 = "{reason}"
    ZT678 = "`{command}` stopped with an unexpected error, {kind}. Report it with its traceback, which is above."
    ZT679 = "`{command}` was interrupted. {remedy}"
    ZT680 = "{package} is required here and is not installed. Run `{hint}`."
    ZT681 = "Out of memory. Process less data at a time, or use a machine with more memory."

    # Annotation: input
    ZT685 = (
        "{path} exists already: a finished job, or another file. Annotate again with --force (in Python: force=True), "
        "or choose another output."
    )
    ZT686 = "{path} is empty: there is no record to annotate, and nothing was written."
    ZT687 = (
        "None of the {n:,} records of {path} could be read, so nothing was annotated. First error: {reason}. All "
        "errors are in {rejects}."
    )
    ZT688 = "{path} is {seen}, not UTF-8 text. Decompress it or save it as UTF-8 first."
    ZT689 = (
        "{path} is one JSON array, and JSON Lines (one object per line) are expected. Convert it first: "
        "`jq -c '.[]' IN > OUT`."
    )
    ZT690 = (
        "The first {n:,} records of {path} have no field {field!r}. They have: {fields}. Name the field of the text "
        "with --text-field."
    )

    # Packages that components of other projects need
    ZT695 = "The component {factory!r} needs {package}, which is not installed. Run `pip install {package}`."
    ZT696 = (
        "The component {name!r} cannot be trained with numpy {numpy}: spacy-curated-transformers 0.3.1 fails with "
        'numpy 2.4 and later. Run `pip install "numpy<2.4"` for training; the result predicts with any numpy.'
    )

    # Devices
    ZT700 = (
        "No GPU can be used ({reason}). Run on the CPU (without --gpu-id), or install a GPU driver and a torch built "
        "for its CUDA version: https://pytorch.org/get-started."
    )
    ZT701 = "There is no GPU {gpu_id}: torch finds {n}, numbered from 0. Give a number from 0 to {last}."
    ZT702 = (
        "CuPy {problem}: the encoder runs on {device}, the rest of spaCy on the CPU. To run all of it on the GPU, "
        "run `{hint}`."
    )
    ZT703 = (
        "{pipeline} is an exported model (`export-onnx`), which runs on CPUs only. Leave --gpu-id (or --gpu) out, or "
        "give the pipeline that it was exported from."
    )
