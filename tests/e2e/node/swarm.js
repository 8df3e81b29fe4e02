// Many official clients in one process, which note everything that they receive: node swarm.js
// What the server emits as "n" is kept, in order; "up" is emitted all the time, with numbers of each client's own.
"use strict";

const { io } = require("socket.io-client");
const { serve } = require("./lines.js");

const TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]];

const swarm = [];

class Client {
  constructor(url, number, options) {
    this.received = [];
    this.sent = 0;
    this.acknowledged = 0;
    this.connects = 0;
    this.recoveries = 0;
    this.waiting = undefined;
    this.socket = io(url, {
      ...options,
      forceNew: true,
      transports: options.transports ?? TRANSPORTS[number % TRANSPORTS.length],
      auth: { number },
    });
    this.socket.on("n", (value) => {
      this.received.push(value);
      this.look();
    });
    this.first = new Promise((resolve) => this.socket.on("connect", () => {
      this.connects++;
      this.session = this.socket.io.engine.id;
      if (this.socket.recovered) this.recoveries++;
      resolve();
    }));
  }

  speak(interval) {
    const say = () => {
      this.socket.emit("up", this.sent++, (error) => {
        if (!error) this.acknowledged++;
        this.look();
      });
    };
    say();
    this.timer = setInterval(say, interval);
  }

  // Resolves when `last` has come and everything that was sent is acknowledged.
  settle(last) {
    clearInterval(this.timer);
    return new Promise((resolve) => {
      this.waiting = { last, resolve };
      this.look();
    });
  }

  look() {
    if (this.waiting === undefined || this.acknowledged < this.sent) return;
    if (this.received.at(-1) === this.waiting.last) this.waiting.resolve();
  }

  report() {
    const { received, sent, acknowledged, connects, recoveries, session } = this;
    return { received, sent, acknowledged, connects, recoveries, session };
  }
}

serve({
  async start({ url, count, options }) {
    for (let number = 0; number < count; number++) swarm.push(new Client(url, number, options));
    await Promise.all(swarm.map((client) => client.first));
  },

  speak({ interval }) {
    for (const client of swarm) client.speak(interval);
  },

  async settle({ last }) {
    await Promise.all(swarm.map((client) => client.settle(last)));
  },

  reports() {
    return swarm.map((client) => client.report());
  },
});
