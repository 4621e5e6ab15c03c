"""Read and write the annotation formats, one module per format, and detect the format of a file.

`corpora.convert` reads the formats by the table `detection.FORMATS`, and `corpora.export` writes some of them.
"""
