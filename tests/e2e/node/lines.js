// How the programs of this folder talk to the tests: one JSON command a line on stdin, one JSON line of what
// happened on stdout. A reply is {reply, value} or {reply, error}; what happened is {from, event, args}.
// What JSON has no form for travels as {"$binary": base64}, {"$date": milliseconds}, {"$number": "NaN"} and
// {"$undefined": true}.
"use strict";

const readline = require("node:readline");

function print(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

function pack(value) {
  switch (typeof value) {
    case "undefined":
      return { $undefined: true };
    case "number":
      return Number.isFinite(value) ? value : { $number: String(value) };
    case "bigint":
      return { $number: String(value) };
    case "object":
      return value === null ? null : packObject(value);
    default:
      return value;
  }
}

function packObject(value) {
  if (Buffer.isBuffer(value)) return { $binary: value.toString("base64") };
  if (value instanceof ArrayBuffer) return { $binary: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) {
    return { $binary: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (Array.isArray(value)) return value.map(pack);
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof Error) return { message: value.message, data: pack(value.data ?? null) };
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, pack(entry)]));
}

// Buffer, Uint8Array and ArrayBuffer are all binary to Socket.IO: each is used, in turn.
const forms = [(buffer) => buffer, (buffer) => new Uint8Array(buffer), (buffer) => new Uint8Array(buffer).buffer];
let binaryForms = 0;

// Leaves ArrayBuffer out: some adapters make `{}` of it for other servers.
function withoutArrayBuffers() {
  forms.length = 2;
}

function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$binary === "string") {
    const buffer = Buffer.from(value.$binary, "base64");
    return forms[binaryForms++ % forms.length](buffer);
  }
  if (typeof value.$date === "number") return new Date(value.$date);
  if (typeof value.$number === "string") return Number(value.$number);
  if (value.$undefined === true) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, unpack(entry)]));
}

// Tells the test that something happened to `from`.
function tell(from, event, ...args) {
  print({ from, event, args: args.map(pack) });
}

// Carries out commands until stdin ends. Their results must be packed.
function serve(commands) {
  readline.createInterface({ input: process.stdin }).on("line", async (line) => {
    const { id, command, ...parameters } = JSON.parse(line);
    try {
      print({ reply: id, value: (await commands[command](parameters)) ?? null });
    } catch (error) {
      print({ reply: id, error: error.message });
    }
  }).on("close", () => process.exit(0));
}

module.exports = { pack, serve, tell, unpack, withoutArrayBuffers };
