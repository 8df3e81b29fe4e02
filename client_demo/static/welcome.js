// The dialog that asks for a name: on arrival, to change it, and when the server refuses it.

import { $, setText } from "./dom.js";

export class Welcome {
  #dialog = $("welcome");
  #submit = null;

  constructor() {
    $("welcome-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#onSubmit();
    });
    $("welcome-cancel").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("cancel", (event) => $("welcome-cancel").hidden && event.preventDefault());
  }

  /**
   * Ask until `submit({nick, room})` resolves to null; an error `{error, field}` is shown.
   * @param options {title, text, nick, room (undefined: don't ask), error, mayCancel, go}
   */
  ask({ title, text, nick = "", room, error = "", mayCancel = false, go = "Join" }, submit) {
    this.#submit = submit;
    setText($("welcome-title"), title);
    setText($("welcome-text"), text);
    setText($("welcome-go"), go);
    $("nick").value = nick;
    $("welcome-room").hidden = room === undefined;
    $("room").value = room ?? "";
    $("welcome-cancel").hidden = !mayCancel;
    this.#complain(error, error ? "nick" : null);
    if (!this.#dialog.open) this.#dialog.showModal();
    $("nick").select();
  }

  async #onSubmit() {
    const nick = $("nick").value.trim();
    const room = $("welcome-room").hidden ? undefined : $("room").value.trim();
    if (!nick) return this.#complain("Please enter a name.", "nick");
    if (room === "") return this.#complain("Please enter a room, for example lobby.", "room");
    $("welcome-go").disabled = true;
    const refusal = await this.#submit({ nick, room }).catch(() => ({
      error: "No connection to the server at the moment. Please try again.",
    }));
    $("welcome-go").disabled = false;
    if (refusal) return this.#complain(refusal.error, refusal.field);
    this.#dialog.close();
  }

  #complain(error, field) {
    setText($("welcome-error"), error);
    for (const name of ["nick", "room"]) $(name).setAttribute("aria-invalid", String(name === field));
    if (field && $(field)) $(field).focus();
  }
}
