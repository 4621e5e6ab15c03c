// Entities in a text → elements, JSON and BIO. Everything becomes text nodes: nothing in a text or label is markup.

const [SHORT, SHORT_LABEL, LONG_LABEL] = [8, 12, 20]; // characters
const GOLDEN_ANGLE = 137.508; // hues that lie far apart for any number of labels

export function hueOf(label, labels) {
  return Math.round(labels.indexOf(label) * GOLDEN_ANGLE) % 360;
}

// `entities` are in order and do not overlap; offsets count UTF-16 units, as JavaScript does.
export function render(target, text, entities, labels) {
  const parts = document.createDocumentFragment();
  let position = 0;
  entities.forEach((entity, index) => {
    parts.append(text.slice(position, entity.start));
    const mark = document.createElement("mark");
    mark.append(text.slice(entity.start, entity.end));
    const label = document.createElement("span");
    label.append(entity.label);
    label.classList.toggle("long", entity.label.length > LONG_LABEL);
    if (entity.score !== null) {
      const score = document.createElement("span");
      score.className = "score";
      score.textContent = entity.score.toFixed(2);
      label.append(score);
    }
    mark.append(label);
    mark.classList.toggle("short", entity.end - entity.start <= SHORT && entity.label.length <= SHORT_LABEL && !/\s/.test(text.slice(entity.start, entity.end)));
    mark.tabIndex = index === 0 ? 0 : -1; // one stop for Tab; arrow keys do the rest
    mark.dataset.index = index;
    mark.style.setProperty("--h", hueOf(entity.label, labels));
    mark.style.setProperty("--sure", entity.score ?? 1);
    parts.append(mark);
    position = entity.end;
  });
  parts.append(text.slice(position));
  target.replaceChildren(parts);
}

const STEP = 0.28; // em from one stripe to the next

// Layer of each of the spans, which may overlap: 0 for those that contain no other, else one more than those inside.
function layersOf(spans) {
  const layers = new Map();
  const bySize = [...spans].sort((a, b) => a.end - a.start - (b.end - b.start) || a.start - b.start);
  for (const span of bySize) {
    let layer = 0;
    for (const [other, below] of layers) {
      if (span.start < other.end && other.start < span.end) layer = Math.max(layer, below + 1);
    }
    layers.set(span, layer);
  }
  return layers;
}

// Groups of spans that are connected by overlaps, so that only the spans of one group are compared with each other.
function clustersOf(spans) {
  const clusters = [];
  let end = -1;
  for (const span of spans) {
    if (span.start >= end) clusters.push([]);
    clusters.at(-1).push(span);
    end = Math.max(end, span.end);
  }
  return clusters;
}

// `spans` are sorted by start. Each part of the text has one stripe for every span that covers it; labels are at the ends.
export function renderLayers(target, text, spans, labels) {
  const parts = document.createDocumentFragment();
  let [position, deepest] = [0, 0];
  for (const cluster of clustersOf(spans)) {
    const layers = layersOf(cluster);
    const borders = [...new Set(cluster.flatMap((span) => [span.start, span.end]))].sort((a, b) => a - b);
    parts.append(text.slice(position, borders[0]));
    borders.slice(1).forEach((end, i) => parts.append(partOf(text, borders[i], end, layers, labels)));
    position = borders.at(-1);
    deepest = Math.max(deepest, ...layers.values());
  }
  parts.append(text.slice(position));
  target.style.setProperty("--layers", deepest + 1);
  target.replaceChildren(parts);
}

function partOf(text, start, end, layers, labels) {
  const part = document.createElement("span");
  const here = [...layers].filter(([span]) => span.start <= start && end <= span.end).sort((a, b) => a[1] - b[1]);
  const deepest = here.at(-1)[1];
  part.className = "part";
  part.append(text.slice(start, end), ...here.filter(([span]) => span.end === end).map(([span]) => layerLabel(span, labels)));
  part.style.paddingBottom = `${STEP * (deepest + 1)}em`;
  part.style.background = here.map(([span, layer]) => {
    const color = `hsl(${hueOf(span.label, labels)} 70% 50%)`;
    return `linear-gradient(${color} 0 0) 0 calc(100% - ${STEP * (deepest - layer)}em) / 100% .18em no-repeat`;
  }).join(", ");
  return part;
}

function layerLabel(span, labels) {
  const label = document.createElement("b");
  label.append(span.label);
  label.title = span.score === null ? "" : span.score.toFixed(3);
  label.style.setProperty("--h", hueOf(span.label, labels));
  return label;
}

export function asJson(text, entities, spans) {
  return JSON.stringify({ text, offset_unit: "utf16", entities, spans }, null, 2);
}

// One character a line, an empty line for each run of line breaks; other white space has no line.
export function asBio(text, entities) {
  const lines = [];
  let next = 0;
  let position = 0;
  let begun = false;
  for (const character of text) {
    while (next < entities.length && entities[next].end <= position) {
      next += 1;
      begun = false;
    }
    const entity = entities[next];
    const inside = entity !== undefined && entity.start <= position;
    if (/[\n\r]/.test(character)) {
      if (lines.length && lines.at(-1) !== "") lines.push("");
    } else if (!/\s/.test(character)) {
      lines.push(`${character} ${inside ? (begun ? "I-" : "B-") + entity.label : "O"}`);
      begun = inside;
    }
    position += character.length;
  }
  return lines.join("\n") + "\n";
}
