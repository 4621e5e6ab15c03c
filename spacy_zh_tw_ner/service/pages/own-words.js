// Words of one's own, by label: the text area shows those of the label that is chosen.

const $ = (id) => document.getElementById(id);
const lists = new Map(); // label → what stands in the text area for it

function wordsOf(text) {
  return [...new Set((text.toWellFormed?.() ?? text).split("\n").map((word) => word.trim()).filter(Boolean))];
}

function count() {
  let total = 0;
  for (const option of $("own-label").options) {
    const n = wordsOf(lists.get(option.value) ?? "").length;
    option.textContent = n ? `${option.value} (${n})` : option.value;
    total += n;
  }
  $("own-count").textContent = total ? `(${total})` : "";
}

// As the service takes them; undefined where there are none.
export function ownWords() {
  const labels = [...$("own-label").options].map((option) => option.value);
  const found = labels.map((label) => [label, wordsOf(lists.get(label) ?? "")]).filter(([, words]) => words.length);
  return found.length ? { words: Object.fromEntries(found), override: $("own-override").checked } : undefined;
}

// Another pipeline may know other labels; what was written for one that it lacks waits for its return.
export function offerLabels(labels) {
  const chosen = $("own-label").value;
  $("own-label").replaceChildren(...labels.map((label) => new Option(label, label)));
  if (labels.includes(chosen)) $("own-label").value = chosen;
  $("own-words").value = lists.get($("own-label").value) ?? "";
  $("own").hidden = !labels.length;
  count();
}

export function listenToOwnWords(changed) {
  $("own-label").addEventListener("change", () => {
    $("own-words").value = lists.get($("own-label").value) ?? "";
  });
  $("own-words").addEventListener("input", () => {
    lists.set($("own-label").value, $("own-words").value);
    count();
    changed();
  });
  $("own-override").addEventListener("change", changed);
}
