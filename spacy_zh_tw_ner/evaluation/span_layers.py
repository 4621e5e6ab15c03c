"""Render text with overlapping entities as HTML: one stripe per entity below the text, the innermost on top.

The text is divided at the start and the end of each entity. Each part is an inline element, whose background has the
stripes of the entities that cover the part, so the stripes wrap with the text. The label of an entity is at its end:

    臺北市[GPE]政府[ORG]
    ───────────           layer 0
    ────────────────────  layer 1
"""

from collections.abc import Collection, Mapping, Sequence
from html import escape
from itertools import pairwise

from ..entities import Entity, overlap_groups

STEP = 0.28  # em from one stripe to the next


def assign_layers(cluster: Collection[Entity]) -> dict[Entity, int]:
    """Assign layers to entities, so that entities that overlap have different layers.

    Layers are assigned from the shortest entity to the longest. An entity that overlaps no shorter one gets layer 0.
    Any other entity gets the highest layer of the shorter entities that it overlaps, plus 1.

    cluster (Collection[Entity]): Entities that are connected by overlaps, in any order.
    RETURNS (dict[Entity, int]): Entity → layer.
    """
    layers: dict[Entity, int] = {}
    for entity in sorted(cluster, key=lambda e: (e.end - e.start, e)):
        inside = (layer for other, layer in layers.items() if entity.start < other.end and other.start < entity.end)
        layers[entity] = max(inside, default=-1) + 1
    return layers


def render_layers(
    text: str,
    scored: Mapping[Entity, float | None],
    hues: Mapping[str, int],
    marked: Collection[Entity],
    kind: str,
) -> str:
    """Render a text with overlapping entities.

    text (str): The text.
    scored (Mapping[Entity, Optional[float]]): Entity, with offsets in characters → its score, or None.
    hues (Mapping[str, int]): Label → hue in degrees.
    marked (Collection[Entity]): Entities to mark as mistakes.
    kind (str): The CSS class of their labels, such as "wrong" or "missed".
    RETURNS (str): Escaped HTML.
    """
    parts, position, height = [], 0, 0
    for cluster in overlap_groups(scored):
        layers = assign_layers(cluster)
        borders = sorted({border for entity in cluster for border in entity[:2]})
        parts.append(escape(text[position : borders[0]]))
        for start, end in pairwise(borders):
            here = sorted((e for e in cluster if e.start <= start and end <= e.end), key=layers.__getitem__)
            closing = [_label(e, scored[e], hues, kind if e in marked else "") for e in here if e.end == end]
            # Labels are inside the part, so that the stripes of longer entities go on below them.
            parts.append(_striped(escape(text[start:end]) + "".join(closing), here, layers, hues))
        position, height = borders[-1], max(height, *layers.values())
    parts.append(escape(text[position:]))
    return f'<span class="layers" style="--layers:{height + 1}">{"".join(parts)}</span>'


def _striped(inner: str, entities: Sequence[Entity], layers: Mapping[Entity, int], hues: Mapping[str, int]) -> str:
    """Render a part of a text with the stripes of the entities that cover it.

    inner (str): The part as HTML.
    entities (Sequence[Entity]): The entities that cover the part.
    layers (Mapping[Entity, int]): Entity → layer of its stripe.
    hues (Mapping[str, int]): Label → hue in degrees.
    RETURNS (str): An HTML element.
    """
    deepest = max(layers[entity] for entity in entities)
    stripes = []
    for entity in entities:
        color, above = f"hsl({hues[entity.label]} 70% 50%)", STEP * (deepest - layers[entity])
        stripes.append(f"linear-gradient({color} 0 0) 0 calc(100% - {above:.2f}em)/100% .18em no-repeat")
    style = f"padding-bottom:{STEP * (deepest + 1):.2f}em;background:{','.join(stripes)}"
    return f'<span class="part" style="{style}">{inner}</span>'


def _label(entity: Entity, score: float | None, hues: Mapping[str, int], kind: str) -> str:
    """Render the label of an entity as HTML.

    entity (Entity): The entity.
    score (Optional[float]): The score, which becomes a tooltip; None for no tooltip.
    hues (Mapping[str, int]): Label → hue in degrees.
    kind (str): CSS class of the label, which marks a mistake; empty for none.
    """
    flag, hint = f' class="{kind}"' if kind else "", "" if score is None else f' title="{score:.3f}"'
    return f'<b{flag}{hint} style="--h:{hues[entity.label]}">{escape(entity.label)}</b>'
