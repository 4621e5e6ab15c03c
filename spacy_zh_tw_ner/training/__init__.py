"""What `spacy train` is given: gold examples, and more made of them."""
