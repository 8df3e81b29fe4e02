// A backend for rtserver's webhooks: a small chat, with nothing but Node.js itself.
//
// It is told its port, and in WEBHOOK_SECRETS the secrets that it accepts, with spaces between them:
//
//     WEBHOOK_SECRETS="whsec_…" node backend.js 9100

const { createHmac, timingSafeEqual } = require("node:crypto");
const { createServer } = require("node:http");

const KEYS = process.env.WEBHOOK_SECRETS.split(/\s+/).map((secret) =>
  Buffer.from(secret.replace(/^whsec_/, ""), "base64"),
);
const TOLERANCE = 300; // seconds that the two clocks, and the network, may differ by
const MOST = 1_000_000; // bytes of a request
const LOBBY = { rooms: ["lobby"] }; // who is in it

const answers = new Map(); // by the ids of requests: one may come twice

const handlers = {
  // Decides whether a client is let in.
  connect({ auth }) {
    const name = auth?.name;
    if (!name) return { refuse: { message: "Tell us your name", data: { code: "name_missing" } } };
    const arrived = { event: "arrived", args: [name], to: LOBBY };
    return { claims: { name }, rooms: ["lobby"], emit: [arrived] };
  },

  // Answers an event.
  event({ event, args, claims, sid }) {
    const [first] = args;
    if (event === "say" && typeof first === "string") {
      const said = { event: "said", args: [claims.name, first], to: LOBBY, except: { sockets: [sid] } };
      return { ack: ["delivered"], emit: [said] };
    }
    if (event === "join" && typeof first === "string") {
      return { ack: [`welcome to ${first}`], join: [first], leave: ["lobby"] };
    }
    if (event === "reverse" && typeof first?.$bytes === "string") {
      return { ack: [{ $bytes: Buffer.from(first.$bytes, "base64").reverse().toString("base64") }] };
    }
    return { ack: [{ error: `${event} with ${args.length} arguments means nothing here` }] };
  },

  // Learns that a client has gone. This may come twice, and for a client that was never seen.
  disconnect({ claims, reason }) {
    console.log("gone:", claims.name, reason);
    return {};
  },
};

// Tells whether a request was signed with one of our secrets, and lately.
function isGenuine(id, timestamp, signatures, body) {
  if (!/^\d+$/.test(timestamp) || Math.abs(Date.now() / 1000 - timestamp) > TOLERANCE) return false;
  const received = signatures.split(" ").map((signature) => Buffer.from(signature));
  return KEYS.some((key) => {
    const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
    const expected = Buffer.from(`v1,${hmac.digest("base64")}`);
    // timingSafeEqual takes the same time wherever two texts differ; "some" over all pairs is rotation.
    return received.some((each) => each.length === expected.length && timingSafeEqual(each, expected));
  });
}

async function answer(request, response) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MOST) return response.writeHead(413, { connection: "close" }).end();
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map(
    (name) => request.headers[`webhook-${name}`] ?? "",
  );
  if (!isGenuine(id, timestamp, signatures, body)) return response.writeHead(401).end();
  if (!answers.has(id)) {
    const message = JSON.parse(body);
    const handle = handlers[message.type];
    answers.set(id, JSON.stringify(handle(message)));
    if (answers.size > 10_000) answers.delete(answers.keys().next().value);
  }
  response.writeHead(200, { "content-type": "application/json" }).end(answers.get(id));
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.writeHead(500).end());
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
