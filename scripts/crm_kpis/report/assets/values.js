// The values to choose from, and how changes between them are written.
"use strict";

// What is said beside a value: choices.py knows them by the same numbers.
const [RUNNING, COMPARABLE, MATURING, AHEAD, PARTLY] = [0, 1, 2, 3, 4];
const A_YEAR_BEFORE = {month: 12, quarter: 4, fiscal_quarter: 4, year: 1, fiscal_year: 1};

// {members, periods, kpis, records, breakdowns, rows}; see choices.py and rendering.py. They are most of the page, so that they are packed, and unpacked after its first sight.
let book;
let tellOpened;
// Done when the book is open, or can't be opened.
const bookOpened = new Promise((resolve) => { tellOpened = resolve; });

async function openBook() {
  const packed = document.getElementById("report-values").textContent;
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  book = JSON.parse(await new Response(stream).text());
}

const periodOf = (grain, place) => {
  const [name, label, days, start, end] = book.periods[grain][place];
  return {name, label, days, start, end};
};

// The values of a KPI, oldest first: of the total, or of a member of a dimension by its number.
function seriesOf(kpi, grain, dimension, member) {
  const [shown, places, states, ...totals] = kpi.total[grain];
  const stateOf = new Map(places.map((place, index) => [place, states[index]]));
  const found = dimension ? kpi.by[dimension]?.[grain]?.members.find(([number]) => number === member) : null;
  const [of, n, values, lows, highs] = dimension ? (found ? found.slice(1) : [[], [], [], [], []]) : [places, ...totals];
  const points = of.map((place, index) => ({place, state: stateOf.get(place) ?? PARTLY, n: n[index], value: values[index], low: lows[index], high: highs[index]}));
  return {shown, points};
}

const isSettled = ({state}) => state === COMPARABLE || state === PARTLY;
const stateText = (state) => ({[RUNNING]: texts.running, [MATURING]: texts.still_maturing, [AHEAD]: texts.ahead, [PARTLY]: texts.covered_partly}[state] || "");

const writeChange = (() => {
  const signed = (digits, more = {}) => new Intl.NumberFormat(report.language, {signDisplay: "always", minimumFractionDigits: digits, maximumFractionDigits: digits, ...more});
  const [points, smallPoints, percent] = [signed(1), signed(2), signed(1, {style: "percent"})];
  return (absolute, relative, unit) => {
    const minus = (text) => text.replace(/^-/, "−");
    if (absolute === 0) return texts.unchanged;
    if (unit === "ratio") return minus(`${(Math.abs(absolute) >= 0.001 || absolute === 0 ? points : smallPoints).format(absolute * 100)}\u00a0${texts.units.points}`);
    if (unit === "score" || relative === null) return `${absolute >= 0 ? "+" : ""}${writeValue(absolute, unit)}`;
    return minus(percent.format(relative));
  };
})();

// The change between two points of a series: of the numbers shown, and per day where a total's periods are not of the same length.
function changeOf(kpi, grain, now, before) {
  if (!before || now.value === null || before.value === null || now.state !== COMPARABLE || before.state !== COMPARABLE) return null;
  const difference = now.value - before.value;
  const relative = before.value ? difference / Math.abs(before.value) : null;
  const change = {text: writeChange(difference, relative, kpi.unit), perDay: "", period: periodOf(grain, before.place).label, value: writeValue(before.value, kpi.unit)};
  if (kpi.isTotal && relative !== null) {
    const rate = ({place, value}) => value / periodOf(grain, place).days;
    const perDay = (rate(now) - rate(before)) / Math.abs(rate(before));
    if (Math.abs(perDay - relative) > 5e-4) change.perDay = fill(texts.per_day, {change: writeChange(perDay, perDay, "count")});
  }
  return change;
}
