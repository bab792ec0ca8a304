// Links, search and print open what is folded. On a phone each row of a table is a card (page.css). Without scripts tables scroll,
// and everything opens by hand.
(() => {
  "use strict";
  const all = (selector) => [...document.querySelectorAll(selector)];

  /** Open an element and all around it, and show it. */
  function reveal(element) {
    for (let part = element; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    element.scrollIntoView({block: element.tagName === "MARK" ? "center" : "start"});
  }
  function follow(hash) {
    const target = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (target) reveal(target);
  }
  addEventListener("hashchange", () => follow(location.hash));
  addEventListener("click", (event) => { // also where the address stays the same
    const link = event.target.closest?.("a[href^='#']");
    if (link && link.hash === location.hash) follow(link.hash);
  });
  follow(location.hash);

  // Search: the first place on typing, the next on Enter.
  const form = document.querySelector(".search"), input = form.querySelector("input"), result = form.querySelector("output");
  let at = 0;
  form.hidden = false;
  function findTexts(wanted) {
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT), texts = [];
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.data.toLowerCase().includes(wanted) && !node.parentElement.closest("script,svg,.hidden,.chart")) texts.push(node);
    }
    return texts;
  }
  function search(next) {
    for (const mark of all("mark")) {
      const parent = mark.parentNode;
      mark.replaceWith(...mark.childNodes);
      parent.normalize();
    }
    const wanted = input.value.trim().toLowerCase(), texts = wanted.length > 1 ? findTexts(wanted) : [];
    at = next && texts.length ? (at + 1) % texts.length : 0;
    result.textContent = texts.length ? `${at + 1} of ${texts.length}` : wanted.length > 1 ? "nothing found" : "";
    if (!texts.length) return;
    const range = document.createRange(), start = texts[at].data.toLowerCase().indexOf(wanted), mark = document.createElement("mark");
    range.setStart(texts[at], start);
    range.setEnd(texts[at], start + wanted.length);
    range.surroundContents(mark);
    reveal(mark);
  }
  input.addEventListener("input", () => search(false));
  form.addEventListener("submit", (event) => { event.preventDefault(); search(true); });

  const print = document.querySelector(".print");
  print.hidden = false;
  print.addEventListener("click", () => {
    const closed = all("details:not([open])");
    closed.forEach((details) => { details.open = true; });
    addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }), {once: true});
    requestAnimationFrame(() => setTimeout(() => window.print())); // charts draw first
  });

  const ROLES = {TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell", TH: "columnheader"};
  for (const table of all(".scroll>table:not(.values,.short)")) {
    const rows = [...table.tHead.rows].map((row) => [...row.cells].flatMap((cell) => Array(cell.colSpan).fill(cell)));
    const groups = rows.length > 1 ? rows[0] : [], heads = rows[rows.length - 1], words = (cell) => cell.textContent.trim().replace(/\s+/g, " ");
    for (const row of table.tBodies[0].rows) {
      let column = 0;
      for (const cell of row.cells) {
        const group = groups[column] !== groups[column - 1] && groups[column] && words(groups[column]);
        if (group) cell.dataset.group = group;
        if (column) cell.dataset.head = cell.colSpan > 1 ? "" : words(heads[column]);
        column += cell.colSpan;
      }
    }
    // A browser forgets the roles of table parts that CSS shows as blocks.
    for (const part of [table, ...table.querySelectorAll("*")])
      if (ROLES[part.tagName]) part.setAttribute("role", part.scope === "row" ? "rowheader" : ROLES[part.tagName]);
    table.classList.add("cards");
  }
})();
