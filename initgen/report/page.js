"use strict";
// The page is whole without this: here are only filters, sorting, and links that open what they lead to.
// In the address after #: a tensor (#t3), or what to show, like #wrong, #find=mlp, #wrong&sort=std&down.
(() => {
  const bar = document.querySelector(".bar");
  const rows = [...document.querySelectorAll(".tensors tbody tr")];
  const parts = new Map([...document.querySelectorAll("details")].map((part) => [part.id, part]));
  const find = bar && bar.querySelector("input");
  const buttons = bar ? [...bar.querySelectorAll("button")] : [];
  let shown = "all";

  const number = (text) => (text ? Number(text.replace(/,/g, "").replace(/−/g, "-")) : NaN);

  function filter() {
    const wanted = find.value.toLowerCase();
    let count = 0;
    for (const row of rows) {
      const text = [...row.querySelectorAll(".file, .name, .scheme")].map((cell) => cell.textContent).join(" ");
      const fits = (shown === "all" || row.classList.contains(shown)) && text.toLowerCase().includes(wanted);
      row.hidden = !fits;
      const part = parts.get(row.dataset.t);
      if (part) part.hidden = !fits;
      count += fits;
    }
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === shown));
    bar.querySelector("output").textContent = count === rows.length ? "" : `${count} of ${rows.length} shown`;
  }

  function sort(head, down) {
    const table = head.closest("table");
    const body = table.tBodies[0];
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[head.cellIndex].textContent;
    const numeric = head.classList.contains("num");
    const order = (a, b) => {
      if (!numeric) return key(a).localeCompare(key(b), undefined, { numeric: true }) * (down ? -1 : 1);
      const [x, y] = [number(key(a)), number(key(b))];
      // What is no number goes last either way.
      return Number.isNaN(x) - Number.isNaN(y) || (down ? y - x : x - y) || 0;
    };
    body.append(...[...body.rows].sort(order));
  }

  function follow() {
    const asked = location.hash.slice(1);
    const part = parts.get(asked);
    if (part) {
      part.open = true;
      part.hidden = false;
      part.scrollIntoView();
      return;
    }
    if (!bar) return;
    const given = new URLSearchParams(asked);
    const button = buttons.find((one) => given.has(one.value));
    shown = button ? button.value : "all";
    find.value = given.get("find") || "";
    filter();
    for (const head of document.querySelectorAll(".tensors th")) {
      if (given.get("sort") === head.textContent) sort(head, given.has("down"));
    }
  }

  for (const head of document.querySelectorAll(".tensors th")) {
    if (!head.textContent) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, head.getAttribute("aria-sort") === "ascending"));
    head.append(button);
  }
  if (bar) {
    bar.hidden = false;
    find.addEventListener("input", filter);
    for (const button of buttons) {
      button.addEventListener("click", () => {
        shown = button.value;
        filter();
      });
    }
  }
  addEventListener("hashchange", follow);
  follow();
})();
