// The OpenAPI document as a page, with examples as commands to paste.

function element(name, text, children = []) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function table(rows) {
  return element("table", "", rows.map((row) => element("tr", "", row.map((cell) => element("td", cell)))));
}

function typeOf(schema) {
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  return schema.type === "array" ? `[${typeOf(schema.items)}]` : (schema.type ?? "any");
}

function limits(schema) {
  const names = { minimum: "≥", maximum: "≤", maxLength: "characters ≤", maxItems: "items ≤" };
  return Object.entries(names).filter(([name]) => name in schema).map(([name, sign]) => `${sign} ${schema[name]}`).join(", ");
}

function field(name, schema, description) {
  const parts = [description ?? schema.description, limits(schema), "default" in schema ? `default: ${JSON.stringify(schema.default)}` : ""];
  return [name, typeOf(schema), parts.filter(Boolean).join(" · ")];
}

function command(path, type, example) {
  const body = (typeof example === "string" ? example : JSON.stringify(example)).replaceAll("'", "\\u0027");
  return element("pre", `curl -s ${location.origin}${path} -H 'Content-Type: ${type}' --data-binary '${body}'`);
}

function describe(path, method, operation) {
  const section = element("section");
  const title = element("h2", "", [element("span", method.toUpperCase()), path]);
  title.firstChild.className = "method";
  section.append(title, element("p", operation.summary ?? ""));
  const parameters = (operation.parameters ?? []).map((p) => field(`?${p.name}`, p.schema, p.description));
  for (const [type, { schema }] of Object.entries(operation.requestBody?.content ?? {})) {
    const line = schema["x-line"] ?? schema;
    parameters.push(...Object.entries(line.properties).map(([name, property]) => field(name, property)));
    section.append(...schema.examples.map((example) => command(path, type, example)));
  }
  if (parameters.length) section.append(table(parameters));
  const answers = Object.entries(operation.responses).map(([status, answer]) => [status, answer.description]);
  section.append(element("h3", "Answers"), table(answers));
  return section;
}

const api = await (await fetch("/openapi.json")).json();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    document.getElementById("operations").append(describe(path, method, operation));
  }
}
const answer = api.components.schemas.EntitiesAnswer.examples[0];
document.getElementById("operations").append(element("h2", "An answer"), element("pre", JSON.stringify(answer, null, 2)));
