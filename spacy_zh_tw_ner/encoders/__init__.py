"""docs → hidden states: what a config can put under the head."""
