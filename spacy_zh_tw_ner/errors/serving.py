"""Messages of the service."""


class ServiceErrors:
    """Part of `Errors`."""

    # Requests and pipelines
    ZT501 = "{name} must be greater than 0 and finite (got {value})."
    ZT503 = "The name {name!r} of a pipeline ({argument!r}) is empty or taken. Name each of them: NAME=PIPELINE."
    ZT504 = (
        "The pipeline '{name}' takes {size:.0f} MiB, more than the {limit:.0f} MiB for all pipelines. Raise "
        "--max-models-mib, or quantize it."
    )
    ZT505 = "`serve` needs packages that are not installed ({missing}). Run `{hint}`."
    ZT506 = "The body is not JSON ({reason}). Send an object such as {example}."
    ZT507 = "The body is longer than {limit:,} bytes. Send it in parts, or have --max-body-mib raised."
    ZT508 = "{field}: {problem}."
    ZT509 = "The Content-Type is {seen!r}. Send {expected}."
    ZT510 = "The service is busy: its queue is full. Try again in {seconds} s."
    ZT511 = "The pipeline fails at this text ({kind}). Send the other texts of the request without it."
    ZT512 = "The answer took longer than {seconds:g} s. Try again later, or send less at a time."
    ZT513 = "The body did not arrive within {seconds:g} s. Check the connection, or split it into several requests."
    ZT514 = "This service needs a key, and {seen}. Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
    ZT515 = "There is no pipeline {name!r} here. There are: {names}."
    ZT516 = "The pipeline does not have the label {label!r}. It has: {labels}."
    ZT517 = "The service has no such endpoint: {problem}. The documentation is at /docs."
    ZT518 = "The service is not ready: {reason}."
    ZT519 = "The service failed, and the request is not the cause. It was logged under {id}."
    ZT535 = "The service is shutting down and has not processed this text. Send it again when the service is back."

    # Connections and keys
    ZT561 = "Port {port} of {host} is in use by another program. Stop that program, or choose another port with --port."
    ZT562 = "The service cannot listen at --host {host}: {reason}. Give an address of this machine, such as 127.0.0.1."
    ZT563 = "The request line and headers are longer than {limit:,} bytes. Send less; texts go in the body."
    ZT564 = "The request headers did not arrive within {seconds:g} s. Check the connection."
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

    # Gazetteers of requests
    ZT607 = "gazetteer: {count:,} words, and at most {limit:,} are allowed. Leave some out, or have --max-words raised."
    ZT608 = "gazetteer: word {number} of the label {label!r} {problem}. Correct it, or leave it out."
    ZT609 = (
        "Words cannot be evidence for the label {label!r}: no recognizer of this pipeline predicts it. Labels that "
        "can have evidence: {labels}. Remove the label from gazetteer, or set `override` to true: its words are then "
        "always entities."
    )
    ZT610 = (
        "The words of gazetteer match at more than {limit:,} places of a text of {length:,} characters. Remove very "
        "short words and words that are part of longer ones, or split the text."
    )


class ServiceWarnings:
    """Part of `Warnings`."""

    # Limits
    ZT960 = (
        "The limit of open files is {limit}: the service holds {connections} connections and {requests} requests at a "
        "time, fewer than configured. Raise it with `ulimit -n`."
    )
    ZT961 = (
        "At {speed:,.0f} characters a second, a text of {chars:,} characters takes about {needed:.0f} s, and the "
        "service gives up after {allowed:.0f} s. Lower --max-chars to {possible:,}, or raise --timeout."
    )
    ZT962 = "No API key is set: anyone who can reach {host} may use the service. Set one with --api-key-file."
