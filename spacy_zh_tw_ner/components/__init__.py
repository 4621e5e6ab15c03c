"""spaCy pipeline components: entity recognizers, gazetteer, rules for personal data, and normal forms of entities."""
