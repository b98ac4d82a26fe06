// One choice for the whole page: a member of a dimension, a period, or both. It is kept in the address after the #.
"use strict";

const filter = {dimension: "", member: undefined, period: ""};
const chosenGrain = () => document.querySelector("[name=grain]:checked").value;
const isFiltered = () => filter.dimension !== "" || filter.period !== "";

// What is chosen, in a grain: a period of another grain is none of it.
function chosenIn(grain) {
  const place = filter.period ? book.periods[grain].findIndex(([name]) => name === filter.period) : -1;
  return {dimension: filter.dimension, member: filter.member, place: place < 0 ? undefined : place};
}

// The address: an anchor, and what is chosen, as in #kpi-win_rate&team=Sales%20West&period=2026-Q1

const decode = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

function readAddress() {
  const parts = location.hash.slice(1).split("&").filter(Boolean);
  const anchor = parts.length && !parts[0].includes("=") ? decode(parts.shift()) : "";
  return {anchor, chosen: parts.filter((part) => part.includes("=")).map((part) => part.split("=", 2).map(decode))};
}

function writeAddress(anchor) {
  const chosen = [];
  if (filter.dimension) chosen.push([filter.dimension, book.members[filter.member][1]]);
  if (chosenGrain() !== firstGrain) chosen.push(["grain", chosenGrain()]);
  if (filter.period) chosen.push(["period", filter.period]);
  const parts = [...(anchor ? [encodeURIComponent(anchor)] : []), ...chosen.map((pair) => pair.map(encodeURIComponent).join("="))];
  history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
}

// Take what an address says; what these data do not have is left out, and said.
function takeAddress() {
  const {chosen} = readAddress();
  const unknown = [];
  Object.assign(filter, {dimension: "", member: undefined, period: ""});
  const grain = chosen.find(([key]) => key === "grain")?.[1];
  const radio = [...document.querySelectorAll("[name=grain]")].find(({value}) => value === (grain || firstGrain));
  if (radio) radio.checked = true;
  for (const [key, value] of chosen) {
    if (key === "grain") continue;
    if (key === "period") {
      if ((book.periods[chosenGrain()] || []).some(([name]) => name === value)) filter.period = value;
      else unknown.push(value);
      continue;
    }
    const number = book.members.findIndex(([dimension, id]) => dimension === key && id === value);
    if (number < 0) unknown.push(`${dimensionName(key)} ${value}`);
    else Object.assign(filter, {dimension: key, member: number});
  }
  return unknown;
}

// What follows

function note(place, text, where = "before") {
  const line = element("p", {class: "cannot"}, text);
  place[where](line);
}

function cannot() {
  const said = [];
  if (filter.dimension) said.push(fill(texts.filter.shows_all, {dimension: dimensionName(filter.dimension)}));
  if (filter.period) said.push(texts.filter.own_period);
  return said.join(" ");
}

function showCards(grain) {
  const chosen = chosenIn(grain);
  for (const card of document.querySelectorAll(".card[data-kpi], .tile[data-kpi]")) {
    card.querySelectorAll(".chosen").forEach((view) => view.remove());
    card.hidden = false;
    if (!isFiltered()) continue;
    const isTile = card.classList.contains("tile");
    const view = chosenView(book.kpis[card.dataset.kpi], grain, chosen, isTile);
    if (view) card.querySelector("h3").after(view);
    else if (isTile) card.querySelector("h3").after(element("p", {class: "chosen quiet"}, fill(texts.filter.not_split, {dimension: dimensionName(filter.dimension)})));
    else card.hidden = true;
  }
  for (const cards of document.querySelectorAll(".cards")) {
    const hidden = [...cards.querySelectorAll(".card")].filter((card) => card.hidden && book.kpis[card.dataset.kpi].total[grain]).map((card) => card.querySelector("h3").textContent);
    if (hidden.length) note(cards, fill(texts.filter.hidden, {dimension: dimensionName(filter.dimension), kpis: hidden.join(", ")}), "before");
  }
}

// Lists of what to do next: the rows of the member that was chosen.
function showLists() {
  for (const table of document.querySelectorAll("table[data-dimensions]")) {
    const follows = table.dataset.dimensions.split(" ").includes(filter.dimension);
    const wanted = follows ? book.members[filter.member][1] : null;
    if (follows) addRows(table);
    for (const row of table.tBodies[0].rows) row.hidden = follows && JSON.parse(row.dataset.members)[filter.dimension] !== wanted;
    foldAgain(table);
    const said = [
      ...(filter.dimension && !follows ? [fill(texts.filter.shows_all, {dimension: dimensionName(filter.dimension)})] : []),
      ...(filter.period ? [texts.filter.as_of] : []),
    ];
    if (said.length) note(table.closest(".scroll"), said.join(" "));
  }
}

// The rows of a picture for the period that was chosen; null where there are none.
function rowsOf(figure, grain) {
  const {place} = chosenIn(grain);
  if (place === undefined) return null;
  const follows = JSON.parse(figure.dataset.follows || "{}");
  if (follows.breakdown) return book.breakdowns[follows.breakdown]?.[filter.period] || null;
  const by = follows.kpi && book.kpis[follows.kpi]?.by[follows.dimension]?.[grain];
  if (!by) return null;
  const valueAt = ([, places, , values], at = places.indexOf(place)) => (at < 0 ? null : values[at]);
  const marks = new Map((book.kpis[follows.mark]?.by[follows.dimension]?.[grain]?.members || []).map((member) => [member[0], valueAt(member)]));
  const keys = [...figure.querySelector("table").tHead.rows[0].cells].map((cell) => cell.dataset.key);
  const found = by.members.filter((member) => valueAt(member) !== null).map((member) => {
    const [number, places, n, values, lows, highs] = member;
    const at = places.indexOf(place);
    return {name: memberName(number), value: values[at], low: lows[at], high: highs[at], mark: marks.get(number) ?? null, n: n[at]};
  });
  const order = follows.order || [];
  const rank = ({name}) => (order.includes(name) ? order.indexOf(name) : order.length);
  found.sort((one, other) => (order.length ? rank(one) - rank(other) : other.value - one.value));
  return found.length ? found.map((row) => keys.map((key) => row[key])) : null;
}

const first = new WeakMap();

function showFigures(grain) {
  const changed = [];
  for (const figure of document.querySelectorAll("figure.chart:not(#explored *)")) {
    const table = figure.querySelector("table");
    const columns = [...table.tHead.rows[0].cells].map((cell) => ({key: cell.dataset.key, unit: cell.dataset.unit}));
    const rows = isFiltered() ? rowsOf(figure, grain) : null;
    const remark = figure.querySelector("figcaption .note");
    if (rows || first.has(figure)) {
      if (!first.has(figure)) first.set(figure, {body: [...table.tBodies[0].rows], remark: remark?.textContent});
      const begin = first.get(figure);
      table.tBodies[0].replaceChildren(...(rows ? tableOf(columns, rows).tBodies[0].rows : begin.body));
      if (remark) remark.textContent = rows ? `${periodOf(grain, chosenIn(grain).place).label}.` : begin.remark;
      if (!rows) first.delete(figure);
      foldAgain(table);
      changed.push(figure);
    }
    const said = rows ? (filter.dimension ? fill(texts.filter.shows_all, {dimension: dimensionName(filter.dimension)}) : "") : cannot();
    if (isFiltered() && said) note(figure.querySelector("figcaption"), said, "append");
  }
  return changed;
}

async function showFilter(unknown = []) {
  const grain = chosenGrain();
  document.documentElement.classList.toggle("filtered", isFiltered());
  document.querySelectorAll(".cannot").forEach((line) => line.remove());
  const status = document.querySelector(".filter-status");
  const chosen = [
    ...(filter.dimension ? [`${dimensionName(filter.dimension)} ${memberName(filter.member)}`] : []),
    ...(filter.period ? [periodOf(grain, chosenIn(grain).place).label] : []),
  ];
  status.textContent = [
    ...(chosen.length ? [fill(texts.filter.status, {chosen: chosen.join(", ")})] : []),
    ...(unknown.length ? [fill(texts.filter.unknown, {unknown: unknown.join(", ")})] : []),
  ].join(" ");
  status.hidden = !status.textContent;
  showCards(grain);
  if (isFiltered()) document.querySelectorAll("[data-total]").forEach((part) => note(part, cannot(), "before"));
  showLists();
  const changed = showFigures(grain);
  await Promise.all([...changed.map(draw), showExplored()]);
  document.documentElement.dataset.filter = location.hash;
}

function startFilters() {
  const form = document.querySelector(".filter");
  const {dimension: dimensionBox, member: memberBox, period: periodBox} = form.elements;
  const option = (value, label) => element("option", {value}, label);
  const first = ["team", "owner", "product", "country", "source"];
  const dimensions = [...new Set(book.members.map(([dimension]) => dimension))].filter((name) => name !== "grain" && name !== "period");
  const rank = (name) => (first.includes(name) ? first.indexOf(name) : first.length);
  dimensions.sort((one, other) => rank(one) - rank(other) || dimensionName(one).localeCompare(dimensionName(other), report.language));
  dimensionBox.replaceChildren(option("", texts.filter.everything), ...dimensions.map((name) => option(name, dimensionName(name))));

  function fillMembers() {
    const found = book.members.map(([dimension, , name], number) => ({dimension, name, number})).filter(({dimension}) => dimension === dimensionBox.value);
    found.sort((one, other) => one.name.localeCompare(other.name, report.language, {numeric: true}));
    memberBox.replaceChildren(...found.map(({name, number}) => option(number, name)));
    memberBox.parentElement.hidden = !found.length;
  }

  function fillPeriods() {
    periodBox.replaceChildren(option("", texts.filter.last_period), ...[...(book.periods[chosenGrain()] || [])].reverse().map(([name, label]) => option(name, label)));
  }

  function fillBoxes() {
    dimensionBox.value = filter.dimension;
    fillMembers();
    if (filter.dimension) memberBox.value = filter.member;
    fillPeriods();
    periodBox.value = filter.period;
  }

  function choose() {
    filter.dimension = dimensionBox.value;
    filter.member = filter.dimension ? Number(memberBox.value) : undefined;
    filter.period = periodBox.value;
    writeAddress(readAddress().anchor);
    showFilter();
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  dimensionBox.addEventListener("change", fillMembers);
  form.addEventListener("change", choose);
  form.addEventListener("reset", () => {
    Object.assign(filter, {dimension: "", member: undefined, period: ""});
    writeAddress(readAddress().anchor);
    showFilter();
    setTimeout(fillBoxes);
  });
  for (const radio of document.querySelectorAll("[name=grain]")) {
    radio.addEventListener("change", () => {
      filter.period = "";
      fillBoxes();
      writeAddress(readAddress().anchor);
      showFilter();
    });
  }
  // A link within the page keeps what is chosen; an address that is typed, or gone back to, has its own.
  let isLink = false;
  document.addEventListener("click", (event) => { isLink = Boolean(event.target.closest?.("a[href^='#']")); }, true);
  window.addEventListener("hashchange", () => {
    const {anchor, chosen} = readAddress();
    if (isLink && !chosen.length) {
      isLink = false;
      if (isFiltered() || chosenGrain() !== firstGrain) writeAddress(anchor);
      return;
    }
    const unknown = takeAddress();
    fillBoxes();
    showFilter(unknown);
    goTo(anchor);
  });
  const unknown = takeAddress();
  fillBoxes();
  form.hidden = false;
  return unknown;
}
