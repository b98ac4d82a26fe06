// Tables: sort, fold, download.
"use strict";

const texts = report.texts;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function valueOf(cell) {
  const data = cell.querySelector("data");
  if (data) return Number(data.value);
  if (cell.dataset.sort) return cell.dataset.sort;
  return cell.textContent.trim();
}

function compare(one, other) {
  // What is not there comes last in either direction.
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), report.language, {numeric: true});
}

// Chromium repeats a table's head on each page of paper, but no button in it.
const headers = [];
window.addEventListener("beforeprint", () => headers.forEach(({header, button}) => header.replaceChildren(...button.childNodes)));
window.addEventListener("afterprint", () => headers.forEach(({header, button}) => {
  button.append(...header.childNodes);
  header.replaceChildren(button);
}));

function makeSortable(table) {
  for (const header of table.tHead.rows[0].cells) {
    if (header.hasAttribute("data-plain")) continue;
    const button = element("button", {type: "button", title: texts.sort_hint}, ...header.childNodes);
    header.append(button);
    headers.push({header, button});
    button.addEventListener("click", async () => {
      await completeTable(table);
      const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      const body = table.tBodies[0];
      const place = header.cellIndex;
      const isNothing = (row) => row.cells[place].textContent.trim() === "–";
      const rows = [...body.rows].sort((one, other) =>
        isNothing(one) - isNothing(other) || direction * compare(valueOf(one.cells[place]), valueOf(other.cells[place])));
      body.append(...rows);
      foldAgain(table);
    });
  }
}

// The rows of a list after the first are packed: they come when they are asked for.
function addRows(table) {
  const rest = book?.rows[table.closest(".step-list")?.id];
  if (!rest || table.dataset.whole) return;
  table.dataset.whole = "true";
  table.tBodies[0].insertAdjacentHTML("beforeend", rest);
  foldAgain(table);
}

async function completeTable(table) {
  if (table.dataset.rows) await bookOpened;
  addRows(table);
}

const MOST_ROWS = 30;
const mostRows = (table) => Number(table.dataset.fold || MOST_ROWS);

function foldAgain(table) {
  const open = table.dataset.open === "true";
  const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
  shown.forEach((row, place) => row.classList.toggle("folded", !open && place >= mostRows(table)));
}

function makeFoldable(table) {
  const count = Number(table.dataset.rows || table.tBodies[0].rows.length);
  if (count <= mostRows(table)) return;
  foldAgain(table);
  const button = element("button", {type: "button", class: "action"}, fill(texts.show_all, {count: writeValue(count, "count")}));
  button.addEventListener("click", async () => {
    await completeTable(table);
    table.dataset.open = "true";
    foldAgain(table);
    button.remove();
  });
  table.parentElement.after(button);
}

// A spreadsheet takes text that begins like this for a formula.
const guard = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
// A German Excel reads semicolons and decimal commas, others the opposite.
const isGerman = report.language === "de";
const quote = (text) => (/[",;\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function toCsv(table) {
  const lines = [table.tHead.rows[0], ...table.tBodies[0].rows].map((row) =>
    [...row.cells].map((cell) => {
      const data = cell.querySelector("data");
      const text = cell.textContent.trim();
      if (data) return isGerman ? data.value.replace(".", ",") : data.value;
      return quote(text === "–" ? "" : guard(text));
    }).join(isGerman ? ";" : ","));
  return `\ufeff${lines.join("\r\n")}\r\n`;
}

function makeDownloadable(table) {
  const figure = table.closest("figure");
  const button = element("button", {type: "button", class: "action"}, texts.download);
  button.addEventListener("click", async () => {
    await completeTable(table);
    const link = element("a", {
      href: URL.createObjectURL(new Blob([toCsv(table)], {type: "text/csv"})),
      download: `${(figure || table.closest("[id]")).id}.csv`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  table.parentElement.after(button);
}

function prepareTable(table) {
  makeDownloadable(table);
  makeSortable(table);
  makeFoldable(table);
}
