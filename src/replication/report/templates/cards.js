// On a phone each row of a table is a card (page.css): a cell then says of which column it is. Without scripts tables scroll.
(() => {
  "use strict";
  const ROLES = {TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell", TH: "columnheader"};
  for (const table of document.querySelectorAll(".scroll>table:not(.values)")) {
    const rows = [...table.tHead.rows].map((row) => [...row.cells].flatMap((cell) => Array(cell.colSpan).fill(cell)));
    const groups = rows.length > 1 ? rows[0] : [], heads = rows[rows.length - 1];
    for (const row of table.tBodies[0].rows) {
      let column = 0;
      for (const cell of row.cells) {
        const group = groups[column] !== groups[column - 1] && groups[column]?.innerText.trim();
        if (group) cell.dataset.group = group;
        if (column) cell.dataset.head = cell.colSpan > 1 ? "" : heads[column].innerText.trim();
        column += cell.colSpan;
      }
    }
    for (const of of [table, ...table.querySelectorAll("*")]) // which a browser may forget where rows are no table rows
      if (ROLES[of.tagName]) of.setAttribute("role", of.scope === "row" ? "rowheader" : ROLES[of.tagName]);
    table.classList.add("cards");
  }
})();
