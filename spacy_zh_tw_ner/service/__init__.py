"""A pipeline behind HTTP. Nothing here is imported before `zh-tw-ner serve` runs: it needs the extra `serve`."""
