// Look closer: any KPI over time and by dimension, of what the reader chose.
"use strict";

const MOST_LINES = 4;

// The name of a dimension over a column of a table.
const heading = (dimension) => dimensionName(dimension).replace(/^./u, (letter) => letter.toLocaleUpperCase(report.language));

function cellOf(value, unit) {
  if (!unit) return element("td", {}, element("bdi", {class: "name"}, value));
  const text = writeValue(value, unit);
  return element("td", {class: "number"}, value === null || value === undefined ? text : element("data", {value}, text));
}

function tableOf(columns, rows, unsettled = () => false) {
  const head = element("tr", {}, ...columns.map(({key, label, unit}) =>
    element("th", {scope: "col", "data-key": key, ...(unit ? {"data-unit": unit, class: "number"} : {})}, label)));
  const body = rows.map((row) =>
    element("tr", unsettled(row) ? {"data-unsettled": "true"} : {}, ...columns.map(({unit}, place) => cellOf(row[place], unit))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}

// The same figure as the macro of the templates makes.
function figureOf({anchor, kind, title, note, columns, rows, options, unsettled}) {
  return element("figure", {class: "chart", id: anchor, "data-kind": kind, "data-options": JSON.stringify(options)},
    element("figcaption", {}, element("h3", {}, title), ...(note ? [element("p", {class: "note"}, note)] : [])),
    element("div", {class: "drawing", role: "img", "aria-label": title}),
    element("details", {class: "data", open: ""}, element("summary", {}, texts.show_table),
      element("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": title}, tableOf(columns, rows, unsettled))));
}

const columnsOf = (first, unit, withInterval) => [
  first,
  {key: "value", label: texts.columns.value, unit},
  ...(withInterval ? [{key: "low", label: texts.columns.low, unit}, {key: "high", label: texts.columns.high, unit}] : []),
];
const countColumn = () => ({key: "n", label: texts.columns.n, unit: "count"});
const dimensionName = (dimension) => texts.dimensions[dimension] || dimension.replaceAll("_", " ");
const memberName = (number) => book.members[number][2];

// A period, and what is said of its value.
function periodText(grain, {place, state}) {
  const {label} = periodOf(grain, place);
  return stateText(state) ? `${label} (${stateText(state)})` : label;
}

function overTime(kpi, grain, {dimension, member}) {
  const follows = dimension && kpi.by[dimension]?.[grain];
  const {points} = follows ? seriesOf(kpi, grain, dimension, member) : seriesOf(kpi, grain, "");
  const withInterval = points.some(({low}) => low !== null);
  const whose = follows ? `, ${dimensionName(dimension)}: ${memberName(member)}` : "";
  return figureOf({
    anchor: "explored-total", kind: "line", options: {unit: kpi.unit},
    title: fill(texts.explore_over_time, {label: kpi.label, grain: texts.grains[grain]}) + whose,
    note: dimension && !follows ? fill(texts.filter.not_split, {dimension: dimensionName(dimension)}) : "",
    columns: [...columnsOf({key: "period", label: texts.columns.period}, kpi.unit, withInterval), countColumn()],
    rows: points.map((point) => Object.assign([periodText(grain, point), point.value, ...(withInterval ? [point.low, point.high] : []), point.n], {point})),
    unsettled: ({point}) => !isSettled(point),
  });
}

function byMember(kpi, grain, dimension, chosen) {
  const {all, members} = kpi.by[dimension][grain];
  const place = chosen.place ?? kpi.total[grain][0];
  const found = members.map(([number, places, n, values, lows, highs]) => {
    const [index, before] = [places.indexOf(place), places.indexOf(place - 1)];
    return index < 0 || values[index] === null ? null
      : {name: memberName(number), value: values[index], low: lows[index], high: highs[index], before: before < 0 ? null : values[before], n: n[index]};
  }).filter(Boolean);
  const withInterval = found.some(({low}) => low !== null);
  return figureOf({
    anchor: "explored-members", kind: withInterval ? "dots" : "bars", options: {unit: kpi.unit},
    title: fill(texts.explore_by, {label: kpi.label, dimension: dimensionName(dimension), period: periodOf(grain, place).label}),
    note: [
      found.length > MOST_MEMBERS ? fill(texts.drawn_first, {count: MOST_MEMBERS}) : "",
      all > members.length ? fill(texts.rest_note, {count: writeValue(all - members.length, "count")}) : "",
      chosen.dimension && chosen.dimension !== dimension ? fill(texts.filter.shows_all, {dimension: dimensionName(chosen.dimension)}) : "",
    ].join(" ").trim(),
    columns: [
      ...columnsOf({key: "name", label: heading(dimension)}, kpi.unit, withInterval),
      {key: "before", label: texts.columns.before, unit: kpi.unit}, countColumn(),
    ],
    rows: found.map(({name, value, low, high, before, n}) => [name, value, ...(withInterval ? [low, high] : []), before, n]),
  });
}

function membersOverTime(kpi, grain, dimension) {
  const largest = kpi.by[dimension][grain].members.filter(([, , , values]) => values.filter((value) => value !== null).length > 1).slice(0, MOST_LINES);
  const rows = largest.flatMap(([number]) => seriesOf(kpi, grain, dimension, number).points.filter(({value}) => value !== null)
    .map((point) => Object.assign([periodText(grain, point), memberName(number), point.value], {point})));
  // Periods in their order, also where a member has none of the first.
  rows.sort((one, other) => one.point.place - other.point.place);
  return figureOf({
    anchor: "explored-history", kind: "lines", options: {unit: kpi.unit},
    title: fill(texts.explore_history, {label: kpi.label, dimension: dimensionName(dimension)}),
    columns: [
      {key: "period", label: texts.columns.period},
      {key: "name", label: heading(dimension)},
      {key: "value", label: texts.columns.value, unit: kpi.unit},
    ],
    rows,
    unsettled: ({point}) => !isSettled(point),
  });
}

const explorer = {};

async function showExplored() {
  const {kpi: kpiBox, dimension: dimensionBox, grain: grainBox} = document.querySelector(".choices").elements;
  const kpi = book.kpis[kpiBox.value];
  const [dimension, grain] = [dimensionBox.value, grainBox.value];
  const chosen = chosenIn(grain);
  const figures = dimension && kpi.by[dimension][grain] ? [byMember(kpi, grain, dimension, chosen), membersOverTime(kpi, grain, dimension)] : [overTime(kpi, grain, chosen)];
  document.getElementById("explored").replaceChildren(...figures);
  await Promise.all(figures.map((figure) => {
    prepareTable(figure.querySelector("table"));
    return draw(figure);
  }));
  document.getElementById("explored").dataset.shown = [kpiBox.value, dimension, grain].join("/");
}

async function startExplorer() {
  const form = document.querySelector(".choices");
  const {kpi: kpiBox, dimension: dimensionBox, grain: grainBox} = form.elements;
  if (!kpiBox.options.length) return;
  const option = (value, label) => element("option", {value}, label);

  function fillBoxes(dimension, grain) {
    const kpi = book.kpis[kpiBox.value];
    dimensionBox.replaceChildren(option("", texts.total), ...Object.keys(kpi.by).sort().map((name) => option(name, dimensionName(name))));
    grainBox.replaceChildren(...Object.keys(kpi.total).map((name) => option(name, texts.grains[name])));
    if (dimension && kpi.by[dimension]) dimensionBox.value = dimension;
    if (grain && kpi.total[grain]) grainBox.value = grain;
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    fillBoxes(dimensionBox.value, grainBox.value);
    showExplored();
  });
  for (const link of document.querySelectorAll("[data-explore]")) {
    link.addEventListener("click", () => {
      kpiBox.value = link.dataset.explore;
      fillBoxes("", chosenGrain());
      showExplored();
    });
  }
  fillBoxes("", chosenGrain());
  await showExplored();
}
