// Where messages are written: text, a picture or file, and the notice that one is typing.

import { $, setText } from "./dom.js";
import * as attachments from "./attachments.js";

const TELL_TYPING_EVERY = 2_000;
const TYPING_ENDS_AFTER = 4_000;

export class Composer {
  #text = $("text");
  #file = null;
  #previewUrl = null;
  #onSend;
  #onTyping;
  #toldAt = -Infinity;
  #typingEnds = null;

  /** @param callbacks {onSend({text, file}), onTyping(isActive)} */
  constructor({ onSend, onTyping }) {
    this.#onSend = onSend;
    this.#onTyping = onTyping;
    setText($("file-limit"), `Files up to ${attachments.size(attachments.MAX_SIZE)}; larger pictures are made smaller`);
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("input", () => {
      this.#fit();
      this.#tellTyping();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#watchFiles();
  }

  get draft() {
    return this.#text.value;
  }

  /** Prepare for a room. */
  reset(room, draft) {
    this.stopTyping();
    this.#text.value = draft;
    this.#text.placeholder = `Message #${room}`;
    this.#fit();
  }

  focus() {
    // On a touch screen this would cover half of the messages with a keyboard.
    if (matchMedia("(hover: hover)").matches) this.#text.focus();
  }

  stopTyping() {
    clearTimeout(this.#typingEnds);
    if (this.#toldAt > -Infinity) this.#onTyping(false);
    this.#toldAt = -Infinity;
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text && !this.#file) return;
    const file = this.#file;
    this.#text.value = "";
    this.#setFile(null);
    this.#fit();
    clearTimeout(this.#typingEnds);
    this.#toldAt = -Infinity; // the message itself tells the others
    this.#onSend({ text, file });
  }

  #fit() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
    $("send").disabled = !this.#text.value.trim() && !this.#file;
  }

  #tellTyping() {
    clearTimeout(this.#typingEnds);
    if (!this.#text.value.trim()) return this.stopTyping();
    const now = performance.now();
    if (now - this.#toldAt >= TELL_TYPING_EVERY) {
      this.#toldAt = now;
      this.#onTyping(true);
    }
    this.#typingEnds = setTimeout(() => this.stopTyping(), TYPING_ENDS_AFTER);
  }

  #watchFiles() {
    $("attach").addEventListener("click", () => $("file").click());
    $("file").addEventListener("change", () => {
      this.#take($("file").files[0]);
      $("file").value = ""; // so that the same file can be chosen again
    });
    $("pending-remove").addEventListener("click", () => {
      this.#setFile(null);
      this.#text.focus();
    });
    this.#text.addEventListener("paste", (event) => {
      const file = event.clipboardData.files[0];
      if (!file) return;
      event.preventDefault();
      this.#take(file);
    });
    const hint = $("drop-hint");
    const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      hint.hidden = false;
    });
    document.addEventListener("dragleave", (event) => (hint.hidden = hint.hidden || !event.relatedTarget));
    document.addEventListener("drop", (event) => {
      hint.hidden = true;
      if (!carriesFiles(event)) return;
      event.preventDefault();
      this.#take(event.dataTransfer.files[0]);
    });
  }

  async #take(file) {
    if (!file) return;
    setText($("composer-error"), "");
    try {
      this.#setFile(await attachments.read(file));
      this.#text.focus();
    } catch (error) {
      this.#setFile(null);
      setText($("composer-error"), error.message);
    }
  }

  #setFile(file) {
    URL.revokeObjectURL(this.#previewUrl);
    this.#file = file;
    this.#previewUrl = file && attachments.pictureUrl(file.data);
    $("pending").hidden = !file;
    $("pending-picture").hidden = !this.#previewUrl;
    $("pending-icon").style.display = this.#previewUrl ? "none" : "";
    if (file) setText($("composer-error"), "");
    if (this.#previewUrl) $("pending-picture").src = this.#previewUrl;
    setText($("pending-name"), file?.name ?? "");
    const before = file?.shrunkFrom ? `, made smaller from ${attachments.size(file.shrunkFrom)}` : "";
    setText($("pending-size"), file ? attachments.size(file.size) + before : "");
    this.#fit();
  }
}
