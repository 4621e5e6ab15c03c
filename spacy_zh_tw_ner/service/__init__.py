"""REST service for named entity recognition. Only `zh-tw-ner serve` imports it: it needs the extra `serve`."""
