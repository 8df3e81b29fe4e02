const { Emitter } = require("@socket.io/component-emitter");

function replacer(key, value) {
  const raw = this[key]; // before its toJSON
  if (!(raw instanceof ArrayBuffer) && !ArrayBuffer.isView(raw)) return value;
  const bytes = raw instanceof ArrayBuffer ? new Uint8Array(raw) : new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
  return { $bytes: btoa(String.fromCharCode(...bytes)) };
}

function reviver(key, value) {
  const text = value?.$bytes;
  return typeof text === "string" ? Uint8Array.from(atob(text), (character) => character.charCodeAt(0)) : value;
}

class Encoder {
  encode({ type, nsp, id, data }) {
    return [JSON.stringify([type, nsp, id ?? null, data ?? null], replacer)];
  }
}

class Decoder extends Emitter {
  add(message) {
    const [type, nsp, id, data] = JSON.parse(message, reviver);
    this.emit("decoded", { type, nsp, id: id ?? undefined, data: data ?? undefined });
  }

  destroy() {}
}

module.exports = { protocol: 5, Encoder, Decoder };
