"""Read and write the annotation formats, one module per format, and detect the format of a file.

The table `detection.FORMATS` has the reader of each format, which `corpora.convert` calls. `corpora.export` calls the
writers. Some formats have no writer.
"""
