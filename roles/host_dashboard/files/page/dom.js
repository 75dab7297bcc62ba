// Elements, without a line of HTML made from what the store says: all of it goes in as text.

/** element("p", {class: "empty"}, "No data") */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== false) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Replace what is in PARENT, and keep the focus where it was: on the element with the same `id` or `data-key`. */
export function fill(parent, ...children) {
  const active = parent.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  parent.replaceChildren(...children);
  if (active) parent.querySelector(`[data-key="${CSS.escape(active)}"]`)?.focus({ preventScroll: true });
}

export function tiles(entries) {
  return element("dl", { class: "tiles" }, ...entries.filter(Boolean).map(([name, text, more, level]) =>
    element("div", { class: `tile${level ? ` is-${level}` : ""}` },
      element("dt", {}, name), element("dd", {}, text, more ? element("small", {}, ` ${more}`) : null))));
}

/** A table that scrolls by itself where it is too wide. A cell is a text, or {text, number, level, code}. */
export function table(title, head, rows) {
  const cell = (found, index) => {
    const { text, number, level, code } = typeof found === "object" && found !== null ? found : { text: found };
    const classes = [number && "number", level && `is-${level}`].filter(Boolean).join(" ");
    return element(index === 0 ? "th" : "td", { class: classes || undefined, scope: index === 0 ? "row" : undefined },
      code ? element("code", {}, text) : String(text));
  };
  const numeric = (index) => rows.length && typeof rows[0][index] === "object" && rows[0][index]?.number;
  return element("div", { class: "table", tabindex: 0, role: "region", "aria-label": title, "data-key": `table ${title}` },
    element("table", {},
      element("thead", {}, element("tr", {}, ...head.map((text, index) =>
        element("th", { scope: "col", class: numeric(index) ? "number" : undefined }, text)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell))))));
}

/** A heading with what belongs to it. */
export const block = (title, content) => element("div", {}, element("h3", {}, title), content);

export const blocks = (...found) => element("div", { class: "tables" }, ...found.filter(Boolean));

export const empty = (text) => element("p", { class: "empty" }, text);
