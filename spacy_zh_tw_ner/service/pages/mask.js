// Masked text: the service replaces the entities that the controls choose.

let asking = null; // aborts the request whose answer nobody wants any more

/** Abort a request that is still under way. */
export function stopMasking() {
  asking?.abort();
  asking = null;
}

/**
 * Ask the service for the masked text.
 *
 * options: Body of the request, without the policy and the unit of offsets.
 * headers: Headers of the request.
 * Returns { response, answer, view }, where view has the masked text and its entities; null if it was aborted.
 */
export async function maskText(options, headers) {
  stopMasking();
  const mine = new AbortController();
  asking = mine;
  try {
    const body = JSON.stringify({ ...options, offset_unit: "utf16", policy: { default: "replace" } });
    const response = await fetch("/v1/mask", { method: "POST", headers, body, signal: mine.signal });
    const answer = await response.json();
    if (asking !== mine) return null;
    return { response, answer, view: response.ok ? viewOf(answer.results[0]) : null };
  } catch (error) {
    if (error.name === "AbortError") return null;
    throw error;
  }
}

function viewOf({ text, replacements }) {
  const entities = replacements.map((found) => ({
    start: found.masked_start, end: found.masked_end, label: found.label, score: null, text: found.text,
  }));
  return { text, entities };
}
