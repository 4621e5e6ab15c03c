"""Annotate a file of texts of any size with several processes; an interrupted job can be continued."""
