// Writes the types of the daemon's answers from the OpenAPI document: npm run types

import { readFileSync } from "node:fs";

const { components } = JSON.parse(readFileSync(new URL("../../openapi.json", import.meta.url), "utf8"));

/** What the document leaves open, and told.ts describes. */
const TOLD = {
  "*.event": "EventJson | null",
  "StatusAnswer.report": "Report",
  "StatusAnswer.options": "Record<string, unknown>",
};
/** Types of a request that the client makes of its arguments. */
const LEFT_OUT = ["EventBody", "LabelBody"];

function comment(text, indent) {
  if (!text) return "";
  // links and headings of the daemon's own documentation say nothing here
  const words = text.split("\n\n# ")[0].replace(/\[`([^`]*)`\](\([^)]*\))?/g, "`$1`").replace(/\s+/g, " ").replace(/\*\//g, "* /");
  const lines = [];
  for (const word of words.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || indent.length + last.length + word.length > 112) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  const body = lines.length === 1 ? `/** ${lines[0]} */` : `/**\n${lines.map((line) => `${indent} * ${line}`).join("\n")}\n${indent} */`;
  return `${indent}${body}\n`;
}

function type(schema, indent) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const several = schema.anyOf ?? schema.oneOf;
  if (several) return union(several, indent);
  const types = [schema.type ?? "unknown"].flat().map((name) => {
    if (name === "integer") return "number";
    if (name === "array") return list(schema, indent);
    if (name === "object") return schema.properties ? object("", schema, indent) : `Record<string, ${type(schema.additionalProperties ?? {}, indent)}>`;
    return name;
  });
  return types.join(" | ");
}

const list = (schema, indent) => {
  if (schema.prefixItems) return `[${schema.prefixItems.map((item) => type(item, indent)).join(", ")}]`;
  const item = type(schema.items ?? {}, indent);
  const one = item.includes("|") ? `(${item})` : item;
  return schema.maxItems && schema.maxItems === schema.minItems ? `[${Array(schema.maxItems).fill(one).join(", ")}]` : `${one}[]`;
};

/** Of objects that exclude each other each is told what it has not, so that one can be told from another. */
function union(several, indent) {
  const names = new Set(several.flatMap((one) => Object.keys(one.properties ?? {})));
  return several.map((one) => (one.properties ? object("", one, indent, names) : type(one, indent))).join(" | ");
}

function object(name, schema, indent, others = new Set()) {
  const inner = `${indent}  `;
  const required = new Set(schema.required ?? []);
  const members = Object.entries(schema.properties).map(([key, value]) => {
    const told = TOLD[`${name}.${key}`] ?? TOLD[`*.${key}`];
    let of = told ?? type(value, inner);
    // what is not required is left out instead of being null
    if (!required.has(key)) of = of.replace(/ \| null$/, "");
    return `${comment(value.description, inner)}${inner}${key}${required.has(key) ? "" : "?"}: ${of};\n`;
  });
  const missing = [...others].filter((key) => !(key in schema.properties)).map((key) => `${inner}${key}?: undefined;\n`);
  return `{\n${members.join("")}${missing.join("")}${indent}}`;
}

let text = "// The daemon's answers. Written from clients/openapi.json by `npm run types`; not to be edited.\n\n";
text += 'import type { EventJson, Report } from "./told.js";\n';
for (const [name, schema] of Object.entries(components.schemas)) {
  if (LEFT_OUT.includes(name)) continue;
  text += `\n${comment(schema.description, "")}`;
  text += schema.properties ? `export interface ${name} ${object(name, schema, "")}\n` : `export type ${name} = ${type(schema, "")};\n`;
}
process.stdout.write(text);
