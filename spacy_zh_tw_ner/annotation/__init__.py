"""Recognize the entities of a file of texts of any size: for the commands `annotate`, `mask` and `unmask`.

`annotate` and `mask` divide the work among several processes, and can continue an interrupted job.
"""
