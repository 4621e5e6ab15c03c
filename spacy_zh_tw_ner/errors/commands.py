"""Error messages of commands: batch annotation, unexpected errors, missing packages, and GPUs that cannot be used."""


class CommandErrors:
    """Error messages of commands. Read them from the class `Errors`, which inherits them and adds their codes."""

    # Annotation: jobs
    ZT520 = (
        "{path} is the journal of an interrupted job with other settings or inputs: its {what} was {seen}, and that of "
        "this command is {expected}. To continue that job, run its command again. To discard it, run this command with "
        "--force."
    )
    ZT521 = "{role} ('{path}') has no suffix of a known format. Give a file name that ends in one of {choices}."
    ZT522 = "There is no input file {path}. Check the path."
    ZT523 = (
        "The Parquet file {path} cannot be read: {reason}. The file is damaged, or is not in the Parquet format. Copy "
        "it again, or give another input file."
    )
    ZT524 = (
        "{path} has no column {field!r} of strings. Its columns (with types): {columns}. Name a column of strings with "
        "--text-field."
    )
    ZT525 = (
        "{path} has a column {field!r} already, so the entities cannot be written to a column of this name. Choose "
        "another name with --entities-field."
    )
    ZT526 = (
        "{path} changed while it was read (its size or modification time differs), so no output was written. Run the "
        "command again when the file is complete."
    )
    ZT527 = (
        "A worker process was killed or ran out of memory ({reason}). Finished chunks are in {folder}. Run the same "
        "command again to continue, with fewer --workers if memory is short."
    )
    ZT528 = "{setting} has the value {value}, which is not allowed. {remedy}"
    ZT529 = (
        "The output has {tokens:,} tokens so far, more than one .spacy file can hold ({limit:,}). Write .jsonl or "
        ".parquet, or split the input into several files."
    )
    ZT530 = "{what} needs {package}, which is not installed. Run `{hint}`."
    ZT532 = (
        "Ray could not be started or reached{address}: {reason}. Check the option --address and the environment "
        "variable RAY_AUTH_TOKEN."
    )
    ZT533 = (
        "--gpu needs one GPU per worker, but --workers is {workers} and {gpus} GPUs were found. Lower --workers to the "
        "number of GPUs, or leave --gpu out to use the CPU."
    )

    # Errors that end a command
    ZT676 = "The operating system reports an error for {path}: {reason}. {remedy}"
    ZT677 = "`{command}` failed. Correct the config, file or connection that this error names: {reason}"
    ZT678 = (
        "`{command}` stopped with an unexpected error, {kind}. This is a bug: report it, with the traceback above, to "
        "the maintainers of spacy-zh-tw-ner."
    )
    ZT679 = "`{command}` was interrupted. {remedy}"
    ZT680 = "{package} is required but not installed. Run `{hint}`."
    ZT681 = (
        "Out of memory. Give less data at a time, for example a smaller file or batch size, or use a machine with more "
        "memory."
    )

    # Annotation: input
    ZT685 = (
        "{path} exists already. It is the output of a finished job, or another file. Replace it with --force (in "
        "Python: force=True), or choose another output."
    )
    ZT686 = "{path} contains no records, so nothing was written. Check that it is the right file."
    ZT687 = (
        "None of the {n:,} records of {path} could be read, so nothing was annotated. First error: {reason}. All "
        "errors are in {rejects}. Correct the records, or name another field with --text-field."
    )
    ZT688 = "{path} is {seen}, not UTF-8 text. Decompress it or save it as UTF-8 first."
    ZT689 = (
        "{path} is one JSON array, but must be JSON Lines (one object per line). Convert it first: "
        "`jq -c '.[]' IN > OUT`."
    )
    ZT690 = (
        "The first {n:,} records of {path} have no field {field!r}. They have: {fields}. Name the field of the text "
        "with --text-field."
    )

    # Packages that components of other projects require
    ZT695 = "The component {factory!r} needs {package}, which is not installed. Run `pip install {package}`."
    ZT696 = (
        "The component {name!r} cannot be trained with numpy {numpy}: spacy-curated-transformers 0.3.1 fails with "
        'numpy 2.4 and later. Run `pip install "numpy<2.4"` for training. The trained pipeline can be used with any '
        "version of numpy."
    )

    # Devices
    ZT700 = (
        "No GPU can be used ({reason}). Run on the CPU (without --gpu-id), or install a GPU driver and a torch built "
        "for its CUDA version: https://pytorch.org/get-started."
    )
    ZT701 = "There is no GPU {gpu_id}: torch finds {n} GPUs. Give a number from 0 to {last}."
    ZT702 = (
        "CuPy {problem}, so only the encoder runs on {device}, and all other parts of the pipeline run on the CPU. To "
        "run everything on the GPU, run `{hint}`."
    )
    ZT703 = (
        "{pipeline} is an exported model (`export-onnx`), which runs on CPUs only. Leave --gpu-id (or --gpu) out, or "
        "give the pipeline that it was exported from."
    )
