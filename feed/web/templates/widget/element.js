(() => {
  "use strict";
  if (customElements.get("devis-principle")) return;
  const words = __WORDS__;
  const script = document.currentScript;
  const base = script instanceof HTMLScriptElement && script.src ? new URL(script.src).origin : __BASE__;
  const first = Object.keys(words)[0];
  const sizes = { small: 0.875, large: 1.3, huge: 2 };
  const css = `
:host{display:block;min-width:0;color:inherit}
:host([hidden]){display:none}
article{all:initial;direction:inherit;display:block;color:var(--devis-color,inherit);background:var(--devis-background,transparent);font:400 1em/1.5 sans-serif;font-family:var(--devis-font,inherit);font-size:calc(max(1em,14px)*var(--size,1));padding:var(--devis-padding,1em 1.1em);border:solid var(--devis-accent,currentColor);border-width:0 0 0 .25em;border-radius:var(--devis-radius,0);overflow-wrap:anywhere;hyphens:auto;box-sizing:border-box}
:host([scheme=light i]) article{color-scheme:light;color:var(--devis-color,#1f2426);background:var(--devis-background,#fffdf9);border-color:var(--devis-accent,#14586b)}
:host([scheme=dark i]) article{color-scheme:dark;color:var(--devis-color,#e8e4db);background:var(--devis-background,#1e2326);border-color:var(--devis-accent,#84c5d8)}
p,blockquote{margin:0;color:inherit}
.title{font-size:1.1em;font-weight:600;line-height:1.25;margin-bottom:.4em}
blockquote{font-size:1.2em;line-height:1.45;white-space:pre-line}
.texts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,16em),1fr));gap:1em 1.5em}
.acts{display:flex;flex-wrap:wrap;gap:.8em 1.5em;margin-top:.9em}
.acts>*{flex:1 1 100%}
.label{font-size:.85em;font-weight:600}
footer,.note{font-size:.875em}
footer{display:flex;flex-wrap:wrap;align-items:baseline;gap:.1em 1.2em;margin-top:.8em}
.note{margin-bottom:.5em}
a{color:inherit;text-underline-offset:.2em}
a:focus-visible{outline:3px solid;outline-offset:2px}
:host([layout=wide i]) .acts>*{flex-basis:16em}
:host([layout=wide i]) blockquote{font-size:1.35em}
:host([layout=line i]) article{display:flex;flex-wrap:wrap;align-items:baseline;gap:.1em 1.2em;padding:var(--devis-padding,.4em .8em)}
:host([layout=line i]) :is(.texts,.text){display:contents}
:host([layout=line i]) :is(.title,.acts,footer,.note){margin:0}
:host([layout=line i]) blockquote{font-size:1em}`;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);

  // One line per language, shared by every element of the page: what came last, and who waits.
  const lines = new Map();
  function line(tag) {
    if (!lines.has(tag)) lines.set(tag, { data: null, asking: null, all: new Set(), wall: 0, run: 0, rest: 0 });
    return lines.get(tag);
  }
  function ask(tag) {
    const one = line(tag);
    if (one.asking) return;
    one.asking = load(tag).then(
      ([data, seconds]) => {
        one.data = data;
        plan(one, seconds);
        one.all.forEach((element) => element.show(data));
      },
      () => plan(one, 60)
    ).then(() => { one.asking = null; });
  }
  async function load(tag) {
    const answer = await fetch(base + "/api/v1/today" + (tag && "?lang=" + encodeURIComponent(tag.replace(/[\s,]+/g, ","))),
      { cache: "no-cache", credentials: "omit", referrerPolicy: "no-referrer", signal: AbortSignal.timeout(15000) });
    if (!answer.ok) throw new Error(answer.status);
    const data = await answer.json();
    if (typeof data.text.statement !== "string" || !/^https?:/.test(data.url)) throw new Error("shape");
    const age = /max-age=(\d+)/.exec(answer.headers.get("cache-control") || "");
    return [data, age ? +age[1] : 300];
  }
  // An answer is fresh no longer than to the end of its day: asking just after that finds the new one.
  function plan(one, seconds) {
    const rest = seconds < 300 ? Math.max(seconds, 4) + 1 : seconds * (0.98 - Math.random() / 5);
    Object.assign(one, { wall: Date.now(), run: performance.now(), rest });
  }
  // Whichever clock ran further: one stands still while a laptop sleeps, the other may be set.
  function due(one) {
    return Math.max(Date.now() - one.wall, performance.now() - one.run) >= 1000 * one.rest;
  }
  function look() {
    if (document.hidden) return;
    lines.forEach((one, tag) => { if (one.all.size && due(one)) ask(tag); });
  }
  document.addEventListener("visibilitychange", look);
  addEventListener("pageshow", look);
  addEventListener("online", look);
  setInterval(look, 5000);

  function make(name, text, part, attributes) {
    const node = document.createElement(name);
    node.textContent = text;
    if (part) node.part = node.className = part;
    return Object.assign(node, attributes);
  }
  function named(code, language) {
    try { return new Intl.DisplayNames([language], { type: "language" }).of(code); } catch { return code; }
  }

  function said(text) {
    const asked = text.requested_language;
    return words[asked] || words[asked.split("-")[0]] || words[first];
  }
  // A text under its note, with labels in the language that was asked for.
  function column(text, shown, isLine) {
    const own = said(text), quote = { lang: text.language, dir: "auto" };
    const node = make("div", "", "text", { lang: own.lang });
    if (text.fallback) node.append(make("p", own.note.replace("%(wanted)s", named(text.requested_language, own.lang)).replace("%(shown)s", named(text.language, own.lang)), "note"));
    if (shown.includes("title")) node.append(make("p", (isLine && text.short) || text.title, "title", quote));
    if (shown.includes("statement")) node.append(make("blockquote", text.statement, "statement", quote));
    const acts = make("div", "", "acts");
    for (const name of ["reflection", "practice"]) {
      if (!shown.includes(name) || !text[name]) continue;
      const section = make("section", "", name);
      section.append(make("p", own[name], "label"), make("p", text[name], "", quote));
      acts.append(section);
    }
    if (acts.firstChild) node.append(acts);
    return node;
  }

  // When the next one comes, where that is not the day after.
  function following(data, own) {
    const ahead = (Date.parse(data.next) - Date.parse(data.date)) / 86400000;
    if (!(ahead > 1)) return "";
    const form = ahead < 7 ? { weekday: "long" } : { weekday: "long", day: "numeric", month: "long", year: "numeric" };
    const day = new Intl.DateTimeFormat(own.locale, { ...form, timeZone: "UTC" }).format(Date.parse(data.next));
    return (ahead < 7 ? own.weekday : own.day).replace(/%\(\w+\)s/, day);
  }

  class Principle extends HTMLElement {
    static observedAttributes = ["lang", "show", "layout", "text-size"];
    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet];
      root.append(document.createElement("slot"));
    }
    connectedCallback() { this.join(); }
    disconnectedCallback() { if (this.tag != null) line(this.tag).all.delete(this); this.tag = null; }
    attributeChangedCallback(name) {
      if (!this.isConnected) return;
      if (name === "lang") this.join();
      else if (this.data) this.show(this.data);
    }
    join() {
      const near = this.closest("[lang]");
      const tag = ((near && near.lang) || "").trim();
      if (tag === this.tag) return;
      this.disconnectedCallback();
      this.tag = tag;
      const one = line(tag);
      one.all.add(this);
      if (one.data) this.show(one.data);
      if (due(one)) ask(tag);
    }
    show(data) {
      const fresh = !this.data || this.data.date !== data.date || this.data.text !== data.text;
      this.data = data;
      const { text } = data;
      const isLine = (this.getAttribute("layout") || "").toLowerCase() === "line";
      const shown = (this.getAttribute("show") || (isLine ? "title credit" : "statement credit")).toLowerCase().split(/[\s,]+/);
      const own = said(text);
      const card = make("article", "", "card", { lang: own.lang });
      // What stands in for a missing language may be among the others: each is shown once.
      const once = (data.texts || [text]).filter((one, at, all) => all.findIndex((other) => other.language === one.language) === at);
      const texts = make("div", "", "texts");
      texts.append(...once.map((one) => column(one, shown, isLine)));
      card.append(texts);
      const foot = make("footer", "", "footer");
      if (shown.includes("credit")) foot.append(make("span", data.credit, "credit"));
      const note = following(data, own);
      if (note) foot.append(make("span", note, "next"));
      foot.append(make("a", own.link, "link", { href: data.url }));
      card.append(foot);
      card.style.setProperty("--size", sizes[(this.getAttribute("text-size") || "").toLowerCase()] || 1);
      this.shadowRoot.replaceChildren(card);
      if (fresh) this.dispatchEvent(new CustomEvent("devis-ready", { bubbles: true, composed: true, detail: data }));
    }
  }
  customElements.define("devis-principle", Principle);

  // An iframe of ours tells its height, and is asked for it: it may have done so before we were here.
  const frames = () => [...document.querySelectorAll("iframe")].filter((frame) => frame.src.startsWith(base + "/"));
  addEventListener("message", ({ data, source }) => {
    if (!data || data.type !== "devis:height" || !(data.height > 0)) return;
    for (const frame of frames())
      if (frame.contentWindow === source) frame.height = Math.min(data.height, 4000);
  });
  for (const frame of frames()) frame.contentWindow.postMessage({ type: "devis:tell" }, "*");
})();
