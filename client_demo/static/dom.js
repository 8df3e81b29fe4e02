// Small helpers for building elements. Text always goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

/** Make an element: `element("p", {className: "x"}, "text", child)`. Absent children are left out. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name.startsWith("data-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Put nodes into a parent in this order, touching only what is out of place. */
export function arrange(parent, nodes) {
  let next = parent.firstChild;
  for (const node of nodes) {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
}

/** A person's initials on a colour of their own. */
export function paintAvatar(node, person) {
  const words = person.nick.split(/\s+/).filter(Boolean);
  const segments = (word) => [...new Intl.Segmenter().segment(word)].map((part) => part.segment);
  const letters = words.slice(0, 2).map((word) => segments(word)[0] ?? "");
  setText(node, letters.join("").toUpperCase());
  node.style.setProperty("--hue", (parseInt(person.id.slice(0, 6), 16) || 0) % 360);
  return node;
}

export const avatar = (person) => paintAvatar(element("span", { className: "avatar", "aria-hidden": "true" }), person);

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export function time(seconds) {
  const date = new Date(seconds * 1000);
  return element("time", { dateTime: date.toISOString(), title: date.toLocaleString() }, clock.format(date));
}

/** A text's web addresses as links, the rest as text. */
export function linked(text) {
  const fragment = document.createDocumentFragment();
  let end = 0;
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]}']/g)) {
    fragment.append(text.slice(end, match.index));
    fragment.append(element("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]));
    end = match.index + match[0].length;
  }
  fragment.append(text.slice(end));
  return fragment;
}

export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
