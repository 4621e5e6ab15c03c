"""A file of texts → a file of entities, of any length, by several processes, resumable at any moment."""
