// The browser's own WebSocket against rtserver's plain endpoint.

import { $, element, setText } from "./dom.js";

const KEPT = 60;
const url = new URL("echo", document.baseURI);
url.protocol = url.protocol.replace("http", "ws");

let socket = null;
const expected = []; // what was sent and is not back yet: {data, sentAt, done}

function log(what, took = "", isWrong = false) {
  const row = element("div", { className: "row" }, element("span", { className: isWrong ? "what wrong" : "what" }, what));
  row.append(element("span", { className: "took" }, took));
  $("log").prepend(row);
  while ($("log").children.length > KEPT) $("log").lastChild.remove();
}

function show(state, words) {
  $("status").dataset.state = state;
  setText($("state"), words);
  setText($("toggle"), state === "closed" ? "Connect" : "Close");
  for (const id of ["binary", "burst"]) $(id).disabled = state !== "connected";
  $("send").disabled = state !== "connected" || !$("text").value;
}

function connect() {
  show("connecting", "Connecting");
  socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => show("connected", "Connected"));
  socket.addEventListener("message", ({ data }) => receive(data));
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    expected.length = 0;
    show("closed", `Closed${wasClean ? "" : " uncleanly"}, code ${code}${reason ? `: ${reason}` : ""}`);
  });
}

function send(data, done) {
  expected.push({ data, sentAt: performance.now(), done });
  socket.send(data);
}

function isSame(one, other) {
  if (typeof one === "string" || typeof other === "string") return one === other;
  const [a, b] = [new Uint8Array(one), new Uint8Array(other)];
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function receive(data) {
  const { data: sent, sentAt, done } = expected.shift();
  done(performance.now() - sentAt, isSame(sent, data), data);
}

const milliseconds = (value) => `${value.toFixed(1)} ms`;

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (!text || socket.readyState !== WebSocket.OPEN) return;
  send(text, (took, isRight, back) => log(back, milliseconds(took), !isRight));
  $("text").value = "";
  $("send").disabled = true;
});

$("text").addEventListener("input", () => ($("send").disabled = !$("text").value || socket.readyState !== WebSocket.OPEN));
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("form").requestSubmit();
});

$("binary").addEventListener("click", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(64_000)).buffer;
  send(bytes, (took, isRight) => {
    log(isRight ? "64,000 random bytes came back unchanged" : "64,000 bytes came back changed", milliseconds(took), !isRight);
  });
});

$("burst").addEventListener("click", () => {
  const startedAt = performance.now();
  let right = 0;
  for (let i = 1; i <= 1_000; i++) {
    send(`message ${i}`, (_took, isRight) => {
      right += Number(isRight);
      if (i < 1_000) return;
      log(`${right.toLocaleString("en")} of 1,000 messages came back, in order`, milliseconds(performance.now() - startedAt), right < 1_000);
    });
  }
});

$("toggle").addEventListener("click", () => {
  if (socket.readyState === WebSocket.CLOSED) connect();
  else socket.close(1000, "closed by the page");
});

setText($("url"), url.href);
connect();
