"""spaCy pipeline components: entity recognizers, gazetteer, personal data, and normal forms."""
