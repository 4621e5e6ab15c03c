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

export function asJson(text, entities) {
  return JSON.stringify({ text, offset_unit: "utf16", entities }, null, 2);
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
