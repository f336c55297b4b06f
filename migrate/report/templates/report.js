
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const services = [...document.querySelectorAll(".service")];
  const rows = [...document.querySelectorAll(".matrix tr[data-service]")];
  const form = byId("filter");
  const OPEN_AT_MOST = 200;

  // With scripting on, the parser keeps what stands in <noscript> as mere text. That makes a section cheap
  // until somebody opens it; then the text is parsed as the parser itself would have done with scripting off.
  function unfold(section) {
    const folded = section.querySelector(":scope > noscript");
    if (!folded) return;
    const body = document.createElement("div");
    body.innerHTML = folded.textContent;
    folded.replaceWith(body);
  }

  function open(section) {
    unfold(section);
    section.open = true;
  }

  const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
  const words = new Map();
  const plain = (markup) =>
    markup.replace(/<[^>]*>/g, " ").replace(/&(?:amp|lt|gt|#\d+);/g, (name) =>
      ENTITIES[name] || String.fromCodePoint(Number(name.slice(2, -1))));
  function textOf(element) {
    if (!words.has(element)) {
      const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), found = [];
      while (texts.nextNode()) {
        const { data, parentNode } = texts.currentNode;
        found.push(parentNode.localName === "noscript" ? plain(data) : data);
      }
      words.set(element, found.join(" ").toLowerCase());
    }
    return words.get(element);
  }

  const LEVELS = ["manual", "dropped", "lossy"];
  const cards = [...document.querySelectorAll(".card")].map((card) => ({
    card,
    level: LEVELS.find((level) => card.classList.contains(level)),
    spans: card.dataset.services.split(" ").map((span) => span.split("-").map(Number)),
  }));
  let named = null;
  const isNamed = (number) => !named || named[number];
  const concerns = ({ spans }) => !named || spans.some(([first, last = first]) => {
    const at = named.indexOf(true, first);
    return at >= 0 && at <= last;
  });

  function trim(card) {
    for (const place of card.querySelectorAll("li")) {
      const link = place.querySelector('a[href^="#s"]');
      if (link) place.hidden = !isNamed(Number(link.hash.slice(2)));
    }
  }

  // Cards stand behind the heading that they belong to, up to the next one.
  const groups = [];
  for (const element of document.querySelectorAll("section > :is(h2, h3, .card)")) {
    if (element.classList.contains("card")) {
      for (const group of groups) if (group.open) group.cards.push(element);
      continue;
    }
    for (const group of groups) if (group.heading.localName >= element.localName) group.open = false;
    groups.push({ heading: element, cards: [], open: true });
  }
  for (const group of groups) {
    if (group.cards.length) group.heading.append(" ", group.shown = document.createElement("output"));
  }

  function filterCards(levels, text) {
    for (const one of cards) {
      one.card.hidden = !((!levels.length || !one.level || levels.includes(one.level))
        && concerns(one) && (!text || textOf(one.card).includes(text)));
      if (!one.card.hidden) trim(one.card);
    }
    const filtering = Boolean(levels.length || text || named);
    for (const { heading, cards: all, shown } of groups) {
      if (!shown) continue;
      const left = all.filter((card) => !card.hidden).length;
      shown.value = filtering ? `${left.toLocaleString("en")} of ${all.length.toLocaleString("en")} shown` : "";
      heading.hidden = heading.localName === "h3" && !left;
    }
  }

  function filter() {
    const name = byId("by-service").value.trim().toLowerCase();
    const text = byId("by-text").value.trim().toLowerCase();
    const levels = [...form.querySelectorAll("[name=level]:checked")].map((box) => box.value);
    let left = 0;
    named = name
      ? services.map((section) => section.firstElementChild.textContent.toLowerCase().includes(name))
      : null;
    services.forEach((section, number) => {
      const has = section.dataset.levels.split(" ");
      const matches = (!levels.length || levels.some((level) => has.includes(level)))
        && isNamed(number)
        && (!text || textOf(section).includes(text));
      section.hidden = !matches;
      if (rows[number]) rows[number].hidden = !matches;
      left += matches;
    });
    byId("shown").value = `${left.toLocaleString("en")} of ${services.length.toLocaleString("en")} services`;
    filterCards(levels, text);
  }

  let waiting;
  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(filter, services.length > OPEN_AT_MOST ? 150 : 0);
  }

  const visible = () => services.filter((section) => !section.hidden).slice(0, OPEN_AT_MOST);

  function follow() {
    const target = location.hash && byId(location.hash.slice(1));
    if (!target || !services.includes(target)) return;
    target.hidden = false;
    open(target);
    target.scrollIntoView({ block: "start" });
  }

  document.addEventListener("toggle", (event) => {
    if (!event.target.open || !event.target.classList.contains("lazy")) return;
    unfold(event.target);
    const card = event.target.closest(".card");
    if (card) trim(card);
  }, true);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#s"]');
    if (link && link.hash === location.hash) follow();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input")) return;
    event.preventDefault();
    byId("by-service").focus();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", soon);
  form.addEventListener("reset", () => setTimeout(filter));
  byId("open").addEventListener("click", () => visible().forEach(open));
  byId("close").addEventListener("click", () => services.forEach((section) => { section.open = false; }));
  window.addEventListener("hashchange", follow);
  window.addEventListener("beforeprint", () => {
    if (visible().length >= OPEN_AT_MOST) return;
    visible().forEach(unfold);
    for (const { card } of cards) {
      card.querySelectorAll(".lazy").forEach(unfold);
      trim(card);
    }
  });
  form.hidden = false;
  filter();
  follow();
})();
