"""`init-config --preset NAME`: a preset → a whole config, which `spacy train` takes as it is."""

from pathlib import Path

import typer
from wasabi import msg

from .main import zh_tw_ner_cli


@zh_tw_ner_cli.command("init-config")
def init_config_cli(
    target: Path = typer.Argument(..., metavar="OUT", help="The config to write."),
    preset: str = typer.Option("", "--preset", "-p", help="Such as 12gb-base; a name that is wrong lists all."),
    source: str = typer.Option("", "--source", help="Instead of a preset: a trained pipeline, to train it further."),
    labels: str = typer.Option("", "--labels", "-l", help="With commas; without, they are found in the corpus."),
    base: str = typer.Option("", "--base", "-b", help="Another checkpoint: an id on the Hub, or a folder."),
    train: str = typer.Option("", "--train", help="Path of the training corpus."),
    dev: str = typer.Option("", "--dev", help="Path of the dev corpus."),
) -> None:
    """Write a complete training config from a preset, or one that trains an existing pipeline further.

    Look at it, change it, ask `zh-tw-ner plan` about it, and train with it.
    """
    from ..errors import Errors, PlanError
    from ..files import write_whole
    from ..pipeline.folders import pipeline_folder
    from ..planning.fine_tuning import fine_tuning_config
    from ..planning.presets import read_config, with_settings

    if bool(preset) == bool(source):
        raise PlanError(Errors.ZT445.format(preset=preset, source=source))
    if source and base:
        raise PlanError(Errors.ZT446.format(base=base, source=source))
    config = fine_tuning_config(source, pipeline_folder(source)) if source else read_config(preset)
    paths = {"paths.base": base, "paths.train": train, "paths.dev": dev}
    config = with_settings(config, {path: value for path, value in paths.items() if value}, origin="init-config")
    if labels:
        names = [name.strip() for name in labels.split(",")]
        if source:
            config["initialize"]["after_init"] |= {"labels": names, "corpus": None}
        else:
            # Found in the corpus they would be, one and all; given, they are also in the order given.
            config["initialize"]["components"]["ner"]["labels"] = names
    write_whole(target, config.to_str(interpolate=False).encode())
    msg.good(f"Wrote {target}")
    if source:
        print(f"python -m spacy zh-tw-ner train {target} --output training")
    else:
        print(f"python -m spacy zh-tw-ner plan {target}\npython -m spacy train {target} --output training --gpu-id 0")
