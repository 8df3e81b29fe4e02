// The messages of the room in view.

import { $, arrange, avatar, element, icon, linked, setText, time } from "./dom.js";
import * as attachments from "./attachments.js";

const SAME_BREATH = 300; // seconds within which messages of one person stand together
const NEAR_THE_END = 80; // pixels

const STATES = {
  queued: ["clock", "Waiting for the connection"],
  sending: ["clock", "Sending"],
  delivered: ["check", "Delivered"],
  failed: ["alert", "Not sent"],
};

export class Thread {
  #scroller = $("thread");
  #jump = $("jump");
  #nodes = new WeakMap(); // item -> its element
  #room = null;
  #unseen = 0;
  #actions;
  #inView;

  /** @param actions {isMine(item), load(item), retry(id), discard(id)} */
  constructor(actions) {
    this.#actions = actions;
    this.#scroller.addEventListener("scroll", () => this.#showJump(), { passive: true });
    this.#jump.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#wasAtEnd && this.toEnd("instant")).observe(this.#scroller);
    this.#inView = new IntersectionObserver((seen) => this.#loadPictures(seen), { root: this.#scroller });
    $("viewer").addEventListener("click", (event) => event.target === $("viewer") && $("viewer").close());
  }

  #wasAtEnd = true;

  get isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
  }

  toEnd(behavior = "smooth") {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior: still ? "instant" : behavior });
  }

  /** Show a room; `arrived` is the number of new messages from others since the last time. */
  show(room, { arrived = 0, toEnd = false } = {}) {
    const isOther = room !== this.#room;
    const follow = isOther || toEnd || this.#wasAtEnd;
    if (isOther) this.#unseen = 0;
    this.#room = room;
    // A room that one opens is not read aloud from its beginning.
    this.#scroller.setAttribute("aria-live", isOther ? "off" : "polite");
    let previous = null;
    const nodes = room.items.map((item) => {
      const node = this.#node(item);
      if (item.kind === "message") {
        const continues = previous?.kind === "message" && previous.from.id === item.from.id
          && item.at - previous.at < SAME_BREATH;
        node.classList.toggle("continues", continues);
        this.#update(node, item);
      }
      previous = item;
      return node;
    });
    const lastOwn = room.items.findLast((item) => item.state === "delivered");
    for (const node of this.#scroller.querySelectorAll(".last-own")) node.classList.remove("last-own");
    if (lastOwn) this.#nodes.get(lastOwn).classList.add("last-own");
    arrange(this.#scroller, nodes.length ? nodes : [this.#empty(room)]);
    if (follow) this.toEnd("instant");
    else this.#unseen += arrived;
    this.#showJump();
  }

  #empty(room) {
    const title = element("strong", {}, `Nobody has said anything in #${room.name} yet.`);
    return element("div", { className: "empty" }, title, element("p", {}, "Say hello, or drop a picture here."));
  }

  #showJump() {
    this.#wasAtEnd = this.isAtEnd;
    if (this.#wasAtEnd) this.#unseen = 0;
    this.#jump.hidden = this.#wasAtEnd;
    setText($("jump-text"), this.#unseen ? `${this.#unseen} new` : "Newest");
  }

  #node(item) {
    let node = this.#nodes.get(item);
    if (!node) {
      node = item.kind === "notice" ? this.#notice(item) : this.#message(item);
      this.#nodes.set(item, node);
    }
    return node;
  }

  #notice(item) {
    return element("p", { className: "notice" }, element("bdi", {}, item.text), " ", time(item.at));
  }

  #message(item) {
    const isMine = this.#actions.isMine(item);
    const bubble = element("div", { className: "bubble" });
    if (item.file) bubble.append(this.#file(item));
    if (item.text) bubble.append(element("p", { className: "text", dir: "auto" }, linked(item.text)));
    bubble.append(element("span", { className: "meta" }, time(item.at), element("span", { className: "state" })));
    const name = element("bdi", { className: "author" }, isMine ? "You" : item.from.nick);
    const body = element("div", { className: "body" }, name, bubble, element("div", { className: "trouble" }));
    return element(
      "article",
      { className: `message ${isMine ? "mine" : "theirs"}`, "data-id": item.id },
      isMine ? null : avatar(item.from),
      body,
    );
  }

  #update(node, item) {
    if (!item.state || node.dataset.state === item.state + (item.error ?? "")) return;
    node.dataset.state = item.state + (item.error ?? "");
    for (const state of Object.keys(STATES)) node.classList.toggle(state, state === item.state);
    const [symbol, words] = STATES[item.state];
    const others = item.others === undefined ? "" : item.others ? ` to ${item.others} here` : ", nobody else is here";
    const mark = element("span", { className: "state", title: words + (item.state === "delivered" ? others : "") });
    mark.append(icon(symbol), element("span", { className: "state-words" }, words));
    node.querySelector(".state").replaceWith(mark);
    node.querySelector(".meta time").replaceWith(time(item.at));
    const trouble = node.querySelector(".trouble");
    trouble.replaceChildren();
    if (item.state === "failed") {
      const retry = element("button", { type: "button", className: "link" }, "Try again");
      const discard = element("button", { type: "button", className: "link" }, "Delete");
      retry.addEventListener("click", () => this.#actions.retry(item.id));
      discard.addEventListener("click", () => this.#actions.discard(item.id));
      trouble.append(element("span", { role: "alert" }, item.error), retry, discard);
    }
  }

  #file(item) {
    const couldBePicture = item.file.data ? attachments.pictureType(item.file.data) : /^image\/(?!svg)/.test(item.file.type);
    return couldBePicture ? this.#picture(item) : this.#download(item);
  }

  #download(item) {
    const { name, size } = item.file;
    const label = element("span", {}, element("bdi", {}, name), element("small", {}, attachments.size(size)));
    const button = element("button", { type: "button", className: "file", title: `Download ${name}` }, icon("file"), label);
    button.addEventListener("click", async () => {
      const data = await this.#actions.load(item).catch((error) => {
        setText(label.querySelector("small"), error.message);
      });
      if (data) attachments.download(data, name);
    });
    return button;
  }

  #picture(item) {
    const frame = element("button", { type: "button", className: "picture loading", "aria-label": `Open ${item.file.name}` });
    frame.item = item;
    this.#inView.observe(frame);
    if (item.file.data) this.#loadPicture(frame);
    frame.addEventListener("click", () => this.#open(item));
    return frame;
  }

  #loadPictures(seen) {
    for (const { target, isIntersecting } of seen) if (isIntersecting) this.#loadPicture(target);
  }

  async #loadPicture(frame) {
    const { item } = frame;
    if (frame.isAsked) return;
    frame.isAsked = true;
    try {
      const data = await this.#actions.load(item);
      item.pictureUrl ??= attachments.pictureUrl(data);
      if (!item.pictureUrl) throw new Error("not a picture");
      const image = element("img", { src: item.pictureUrl, alt: item.file.name });
      await image.decode();
      const follow = this.isAtEnd;
      frame.classList.remove("loading");
      frame.append(image);
      this.#inView.unobserve(frame);
      if (follow) this.toEnd("instant");
    } catch (error) {
      if (error.message === "not connected") frame.isAsked = false; // when it is seen again
      else frame.replaceWith(this.#download(item));
    }
  }

  async #open(item) {
    if (!item.pictureUrl) return;
    const picture = $("viewer-picture");
    picture.src = item.pictureUrl;
    picture.alt = item.file.name;
    setText($("viewer-name"), `${item.file.name}, ${attachments.size(item.file.size)}`);
    const link = $("viewer-download");
    link.href = item.pictureUrl;
    link.download = item.file.name;
    $("viewer").showModal();
  }
}
