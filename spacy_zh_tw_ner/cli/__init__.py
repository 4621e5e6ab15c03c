zh_tw_ner_cli = None
