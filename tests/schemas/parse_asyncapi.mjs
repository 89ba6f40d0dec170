// Prints what AsyncAPI's parser says of a document: whether it could be read, and each finding.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const findings = diagnostics.map(({ severity, code, path, message }) => ({
  severity,
  finding: `${code} at ${path.join("/")}: ${message}`,
}));
const channels = document?.channels().all().map((channel) => channel.address()) ?? [];
console.log(JSON.stringify({ channels, findings }));
