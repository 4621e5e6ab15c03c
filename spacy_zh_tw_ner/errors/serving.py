"""Messages of the service: requests, pipelines, connections and API keys."""


class ServiceErrors:
    """Error messages of the service, inherited by `Errors`."""

    # Requests and pipelines
    ZT501 = "{name} must be greater than 0 and finite (got {value})."
    ZT503 = (
        "The pipeline {argument!r} has the name {name!r}, which is empty or used twice. Give each pipeline its own "
        "name: NAME=PIPELINE."
    )
    ZT504 = (
        "The files of the pipeline '{name}' take {size:.0f} MiB, more than the limit of {limit:.0f} MiB for all loaded "
        "pipelines. Raise --max-models-mib, or quantize the pipeline."
    )
    ZT505 = "`serve` needs packages that are not installed ({missing}). Run `{hint}`."
    ZT506 = "The body is not valid JSON: {reason}. Send an object such as {example}."
    ZT507 = (
        "The body is longer than {limit:,} bytes. Send several smaller requests, or ask the operator to raise "
        "--max-body-mib."
    )
    ZT508 = "The request is invalid at {field}: {problem}. See /docs for the schema."
    ZT509 = "The Content-Type {seen!r} is not supported here. Send {expected} in UTF-8."
    ZT510 = "The service is busy: its queue is full. Try again in {seconds} s."
    ZT511 = "The pipeline raised {kind} for one of the texts. Send the texts one by one to find it, and leave it out."
    ZT512 = (
        "The request was not answered within its time limit of {seconds:g} s, and was cancelled. Try again later, or "
        "send less text per request."
    )
    ZT513 = "The body did not arrive within {seconds:g} s. Check the connection, or send several smaller requests."
    ZT514 = "This service needs an API key: {seen}. Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
    ZT515 = "The service has no pipeline {name!r}. Choose one of: {names}."
    ZT516 = "The pipeline does not have the label {label!r}. Choose from: {labels}."
    ZT517 = "The service cannot answer this path or method ({problem}). See /docs for its endpoints."
    ZT518 = (
        "The service is not ready: {reason}. Try again later; if this message comes again, the operator finds the "
        "cause in the log of the service."
    )
    ZT519 = "An internal error occurred while the request was processed. Search the log of the service for {id}."
    ZT535 = "The service is shutting down and did not process this text. Send it again after the restart."

    # Connections and keys
    ZT561 = "Port {port} of {host} is in use by another program. Stop that program, or choose another port with --port."
    ZT562 = "The service cannot listen at --host {host}: {reason}. Give an address of this machine, such as 127.0.0.1."
    ZT563 = "The request line and headers are longer than {limit:,} bytes. Shorten them; send texts in the body."
    ZT564 = "The request headers did not arrive within {seconds:g} s. Check the connection, and send the request again."
    ZT565 = (
        "The Host header of the request is not an allowed name of this service. Use an allowed name, or ask the "
        "operator to add this one with --allow-host."
    )
    ZT566 = "The request is not valid HTTP/1.1. Use HTTP instead of HTTPS, or correct the client."
    ZT567 = (
        "The limit of open files is {limit}, too low for the service. Raise it to at least {needed} with `ulimit -n`; "
        "1,024 is usual."
    )
    ZT568 = "The API key cannot be read from {path}: {reason}. Correct --api-key-file."
    ZT569 = (
        "The API key in {source} is empty. Write a key to it, or remove this setting, so that no client needs a key."
    )
    ZT570 = (
        "The API key in {source} {problem}, so clients cannot send it in a header. Give one line of at most {limit} "
        "bytes."
    )
    ZT571 = (
        "The request body, or a line of it, has more than {limit:,} JSON values. Send several smaller requests, or use "
        "/v1/entities/stream."
    )
    ZT573 = "Port {port} cannot be opened: {reason}. Ports below 1024 need privileges; choose another with --port."
    ZT574 = (
        "--allow-host {host!r} is not a host name. Give names without scheme and port: ner.example.tw, *.example.tw."
    )

    # Gazetteers of requests
    ZT607 = (
        "`gazetteer` has {count:,} words, more than the limit of {limit:,}. Remove words, or ask the operator to raise "
        "--max-words."
    )
    ZT608 = "`gazetteer`: word {number} of the label {label!r} {problem}. Correct it, or remove it."
    ZT609 = (
        "The words of the label {label!r} in `gazetteer` would have no effect: no recognizer of this pipeline predicts "
        "the label (predicted labels: {labels}). Remove the label, or set `override` to true."
    )
    ZT610 = (
        "The words of `gazetteer` match more than {limit:,} times in a text of {length:,} characters. Remove very "
        "short words and words that are part of longer ones, or split the text."
    )

    # Reloading
    ZT736 = (
        "The pipeline '{name}' was not replaced, and the former version is still served: {reason} Correct the files in "
        "{source}, and reload again with POST /v1/reload or SIGHUP."
    )
    ZT737 = (
        "The pipeline '{name}' was not replaced, and the former version is still served: F on {corpus} would fall from "
        "{old:.2f} to {new:.2f}. Train with more or better annotations, and reload again with POST /v1/reload or "
        "SIGHUP."
    )
    ZT738 = "Another reload is in progress. Send the request again when it has ended; the log of the service says when."
    ZT739 = "{route} needs an API key, but the service has none. Start it with --api-key-file."
    ZT740 = "--reload-dev {argument!r} {problem}. Give CORPUS, or NAME=CORPUS for a pipeline other than the first."

    # Label Studio
    ZT741 = (
        "This service does not collect annotations. Start it with `serve --annotations FILE`, or remove the webhook "
        "from the project."
    )
    ZT742 = "--annotations needs an API key, so that only your Label Studio can write the file. Set --api-key-file."
    ZT744 = (
        "The file of annotations {path} cannot be written: {reason}. Check its folder, its permissions and the disk."
    )
    ZT745 = (
        "The file of annotations {path} would have more than {limit:,} MiB. Convert it and move it away, or raise "
        "--max-annotations-mib."
    )

    # Reloading
    ZT749 = "The files in {source} changed while they were loaded. Wait until all of them are copied."


class ServiceWarnings:
    """Warnings of the service, inherited by `Warnings`."""

    # Label Studio
    ZT746 = (
        "Label Studio project {project}: no label of the project is for {labels} of the pipeline '{name}', so these "
        "entities are left out. In the labelling configuration, add a <Label> for each, or write the name of the label "
        'in the pipeline into the attribute `predicted_values` of an existing <Label>, such as predicted_values="GPE".'
    )
    ZT747 = (
        "Label Studio project {project}: some tasks have no text in the field {field!r}, so they get no prediction. "
        "Correct the `value` of the <Text> tag, or the tasks."
    )
    ZT748 = (
        "Label Studio project {project}: the pipeline '{name}' predicts no entity for the labels {labels}. Annotate "
        "them and train with them. If the pipeline has another name for a label, write that name into the attribute "
        "`predicted_values` of the <Label> in the labelling configuration."
    )

    # Limits
    ZT960 = (
        "The limit of open files is {limit}, so the service accepts only {connections} connections and {requests} "
        "concurrent requests, fewer than configured. Raise the limit with `ulimit -n`."
    )
    ZT961 = (
        "The pipeline processes {speed:,.0f} characters per second: a text of {chars:,} characters takes about "
        "{needed:.0f} s, more than the time limit of {allowed:.0f} s. Lower --max-chars to {possible:,}, or raise "
        "--timeout."
    )
    ZT962 = "No API key is set: anyone who can reach {host} may use the service. Set one with --api-key-file."
