// The OpenAPI document as a page, with examples as commands to paste, and forms to try each operation.

function element(name, text, children = []) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function table(rows) {
  const made = element("table", "", rows.map((row) => element("tr", "", row.map((cell) => element("td", cell)))));
  const around = element("div", "", [made]);
  around.className = "scroll";
  return around;
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

function inputOf(name, value, password = false) {
  const input = element("input");
  input.type = password ? "password" : "text";
  input.value = value;
  input.autocomplete = "off";
  return [element("label", "", [`${name} `, input]), input];
}

// Answers come as JSON, lines of JSON or plain text; of long ones the beginning is shown.
function shown(text, type) {
  const whole = type.includes("application/json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
  return whole.length > 20_000 ? `${whole.slice(0, 20_000)}…` : whole;
}

function tryIt(path, method, type, examples, secured) {
  const body = element("textarea");
  const choice = element("select", "", examples.map((_, i) => new Option(`Example ${i + 1}`, i)));
  const send = element("button", "Send");
  const answer = element("pre");
  const [keyLabel, key] = inputOf("Key", "", true);
  const fill = () => {
    const example = examples[choice.value];
    body.value = typeof example === "string" ? example : JSON.stringify(example, null, 2);
  };
  choice.setAttribute("aria-label", "Example");
  body.setAttribute("aria-label", "Body");
  body.spellcheck = false;
  send.type = "button";
  answer.hidden = true;
  answer.setAttribute("role", "status");
  keyLabel.hidden = true;
  choice.addEventListener("change", fill);
  send.addEventListener("click", async () => {
    send.disabled = true;
    try {
      const headers = type ? { "Content-Type": type } : {};
      if (key.value) headers.Authorization = `Bearer ${String.fromCharCode(...new TextEncoder().encode(key.value))}`;
      const response = await fetch(path, { method, headers, body: type ? body.value : undefined });
      const text = await response.text();
      answer.textContent = `${response.status}\n${shown(text, response.headers.get("Content-Type") ?? "")}`;
      if (response.status === 401 && secured) keyLabel.hidden = false;
    } catch {
      answer.textContent = "The service cannot be reached. Is it still running?";
    }
    answer.hidden = false;
    send.disabled = false;
  });
  const controls = element("div", "", [...(examples.length > 1 ? [choice] : []), keyLabel, send]);
  controls.className = "bar";
  const inside = [element("summary", "Try it"), ...(type ? [body] : []), controls, answer];
  const form = element("details", "", inside);
  form.className = "try";
  if (type) fill();
  return form;
}

function describe(path, method, operation) {
  const section = element("section");
  const title = element("h2", "", [element("span", method.toUpperCase()), path]);
  title.firstChild.className = "method";
  section.append(title, element("p", operation.summary ?? ""));
  const parameters = (operation.parameters ?? []).map((p) => field(`?${p.name}`, p.schema, p.description));
  const bodies = Object.entries(operation.requestBody?.content ?? {});
  for (const [type, { schema }] of bodies) {
    const line = schema["x-line"] ?? schema;
    parameters.push(...Object.entries(line.properties ?? {}).map(([name, property]) => field(name, property)));
    section.append(...(schema.examples ?? []).map((example) => command(path, type, example)));
  }
  const [type, content] = bodies[0] ?? [null, null];
  section.append(tryIt(path, method.toUpperCase(), type, content?.schema.examples ?? [], "401" in operation.responses));
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
