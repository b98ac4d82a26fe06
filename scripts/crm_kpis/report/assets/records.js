// From a card to the records behind it: deals and tickets.
"use strict";

// Whether a record is one of those that a KPI counts in a period.
const counted = {
  created: (record, {start, end}) => record.created_on >= start && record.created_on <= end,
  closed: (record, {start, end}) => record.closed_on !== null && record.closed_on >= start && record.closed_on <= end,
  // Open at the end of the period.
  open: (record, {end}) => record.created_on <= end && (record.closed_on === null || record.closed_on > end),
};

function recordsOf(kpi, grain) {
  const [name, when, outcome] = kpi.records;
  const {columns, rows, since} = book.records[name];
  const {dimension, member, place} = chosenIn(grain);
  const period = periodOf(grain, place ?? kpi.total[grain][0]);
  const wanted = dimension ? book.members[member][1] : null;
  const found = rows.map((row) => Object.fromEntries(columns.map(({key}, index) => [key, row[index]])))
    .filter((record) => counted[when](record, period) && (!outcome || record.outcome === outcome) && (!dimension || record[dimension] === wanted));
  return {name, columns, found, period, isWhole: since === null || period.start > since, follows: !dimension || columns.some(({key}) => key === dimension)};
}

function showRecords(kpi) {
  const dialog = document.getElementById("records");
  const {name, columns, found, period, isWhole, follows} = recordsOf(kpi, chosenGrain());
  const named = new Map(book.members.map(([dimension, id, label]) => [`${dimension} ${id}`, label]));
  const write = (key, value) => named.get(`${key} ${value}`) || texts.records.words[value] || value;
  const title = `${kpi.label}, ${period.label}`;
  const rows = found.map((record) => columns.map(({key, unit}) => (unit || record[key] === null ? record[key] ?? (unit ? null : "–") : write(key, record[key]))));
  const table = tableOf(columns, rows);
  const whose = filter.dimension && follows ? ` ${dimensionName(filter.dimension)}: ${memberName(filter.member)}.` : "";
  const place = dialog.querySelector(".content");
  place.replaceChildren(
    element("h2", {id: "records-title"}, title),
    element("p", {class: "note"}, fill(texts.records.count[name], {count: writeValue(found.length, "count")}), whose,
      ...(isWhole ? [] : [" ", texts.records.capped]), ...(follows ? [] : [" ", fill(texts.filter.shows_all, {dimension: dimensionName(filter.dimension)})])),
    ...(rows.length ? [element("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": title}, table)] : []));
  if (rows.length) prepareTable(table);
  dialog.showModal();
}

function startRecords() {
  const dialog = document.getElementById("records");
  dialog.querySelector("button.close").addEventListener("click", () => dialog.close());
  for (const button of document.querySelectorAll("button.records")) {
    button.hidden = false;
    button.addEventListener("click", () => showRecords(book.kpis[button.closest("[data-kpi]").dataset.kpi]));
  }
}
