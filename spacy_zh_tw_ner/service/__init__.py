"""REST service. It needs the extra `serve`, so nothing imports it before `zh-tw-ner serve` runs."""
