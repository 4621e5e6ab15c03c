"""Messages of the service, and of annotating files."""


class ServingMessages:
    """Part of `Errors`."""

    # The service
    ZT501 = "{name} must be greater than 0 and finite (got {value})."
    ZT503 = "The name {name!r} of a pipeline ({argument!r}) is empty or taken. Name each of them: NAME=PIPELINE."
    ZT504 = (
        "The pipeline '{name}' takes {size:.0f} MiB, more than all together may ({limit:.0f} MiB). Raise "
        "--max-models-mib, or quantize it."
    )
    ZT505 = "`serve` needs packages that are not installed ({missing}). Run `{hint}`."
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

    ZT535 = "The service is shutting down and has not processed this text. Send it again when the service is back."
    ZT561 = "Port {port} of {host} is in use by another program. Stop that program, or choose another port with --port."
    ZT562 = "The service cannot listen at --host {host}: {reason}. Give an address of this machine, such as 127.0.0.1."
    ZT563 = "The request line and headers are longer than {limit:,} bytes. Send less; texts go in the body."
    ZT564 = "The request headers were not complete within {seconds:g} s. Send them faster."
    ZT565 = (
        "The Host header of the request is not a name of this service. Use one of its names, or have this one added "
        "with --allow-host."
    )
    ZT566 = "The request is not valid HTTP/1.1. Check the client; the service does not accept HTTPS."
    ZT567 = (
        "The limit of open files is {limit}, too low for a service. Raise it to {needed} or more (`ulimit -n`); 1,024 "
        "is usual."
    )
    ZT568 = "The API key cannot be read from {path}: {reason}. Check --api-key-file."
    ZT569 = (
        "The API key in {source} is empty: anyone could use the service. Write a key there, or leave the option out to "
        "serve without one."
    )
    ZT570 = (
        "The API key in {source} {problem}, so clients cannot send it in a header. Give one line of at most {limit} "
        "bytes."
    )
    ZT571 = "More than {limit:,} JSON values in one body or line. Send it in parts; /v1/entities/stream takes many."
    ZT573 = "Port {port} cannot be opened: {reason}. Ports below 1024 need privileges; choose another with --port."
    ZT574 = (
        "--allow-host {host!r} is not a host name. Give names without scheme and port: ner.example.tw, *.example.tw."
    )

    # Words that a request brings
    ZT607 = "gazetteer: {count:,} words, where {limit:,} may come. Leave some out, or have --max-words raised."
    ZT608 = "gazetteer: word {number} of the label {label!r} {problem}. Correct it, or leave it out."
    ZT609 = (
        "The label {label!r} in gazetteer takes no evidence in this pipeline. Those that do: {labels}. Leave it out, "
        "or set `override` to true, which makes entities of its words without asking the pipeline."
    )
    ZT610 = (
        "The words of gazetteer stand at more than {limit:,} places of a text of {length:,} characters. Leave out "
        "those that lie within others."
    )

    # Annotation of files
    ZT520 = (
        "{path} is the journal of another job: its {what} was {seen}, now it is {expected}. Repeat the former command "
        "to continue that job, or discard it with --force."
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
    ZT530 = "{what} needs {package}, which is not installed. Run `{hint}`."
    ZT531 = (
        "There is no pipeline {name!r}: it is not a folder with a config.cfg, not an exported model, and not an "
        "installed package. Check the name."
    )
    ZT532 = "Ray did not start or was not reached{address}: {reason}. Check --address, and RAY_AUTH_TOKEN."
    ZT533 = "--workers {workers} with --gpu, but there are {gpus} GPUs. Leave --workers out for one a GPU."

    # Folders of `export-onnx`
    ZT630 = "{path} is no folder of `export-onnx`: there have to be {files}. Write it with `zh-tw-ner export-onnx`."
    ZT631 = (
        "{path} is of format {seen!r}, written by {by}, which this version does not read. Write it again with "
        "`zh-tw-ner export-onnx`, or update this package."
    )
    ZT632 = "{path} takes ONNX Runtime, which is not installed. Run `pip install onnxruntime`."
    ZT633 = "{path} cannot be read ({reason}). Was it copied whole? Write it again with `zh-tw-ner export-onnx`."
