// Cards and headline numbers of what the reader chose: beside the ones of the total, which stay as they are.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The same picture as drawing.py makes: what still changes is dashed and apart.
function sparkline(kpi, grain, points, chosen) {
  const [width, height, margin] = [240, 52, 5];
  const known = points.filter(({value}) => value !== null);
  const all = known.flatMap(({value, low, high}) => [value, low, high].filter((one) => one !== null));
  const [lowest, highest] = [Math.min(...all), Math.max(...all)];
  const [first, last] = [points[0].place, points[points.length - 1].place];
  const round = (number) => Math.round(number * 10) / 10;
  const x = ({place}) => round(margin + ((place - first) * (width - 2 * margin)) / Math.max(last - first, 1));
  const y = (value) => (lowest === highest ? height / 2 : round(height - margin - ((value - lowest) / (highest - lowest)) * (height - 2 * margin)));
  const at = (point) => `${x(point)},${y(point.value)}`;
  const stretches = [[]];
  for (const point of points) {
    const stretch = stretches[stretches.length - 1];
    const follows = !stretch.length || point.place === stretch[stretch.length - 1].place + 1;
    if (point.value === null || !isSettled(point)) stretches.push([]);
    else if (follows) stretch.push(point);
    else stretches.push([point]);
  }
  const lines = stretches.filter((stretch) => stretch.length > 1);
  const settled = known.filter(isSettled);
  const lastSettled = settled[settled.length - 1];
  const changing = known.filter((point) => !isSettled(point));
  const link = lastSettled && changing.length ? [lastSettled, ...changing] : changing;
  const text = fill(texts.sparkline, {
    first: periodOf(grain, known[0].place).label, first_value: writeValue(known[0].value, kpi.unit),
    last: periodOf(grain, known[known.length - 1].place).label, last_value: writeValue(known[known.length - 1].value, kpi.unit),
    lowest: writeValue(Math.min(...known.map(({value}) => value)), kpi.unit), highest: writeValue(Math.max(...known.map(({value}) => value)), kpi.unit),
  });
  const bands = lines.map((line) => line.filter(({low}) => low !== null)).filter((line) => line.length > 1);
  return shape("svg", {class: "spark", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text},
    ...bands.map((line) => shape("polygon", {class: "band", points: [...line.map((point) => `${x(point)},${y(point.high)}`), ...[...line].reverse().map((point) => `${x(point)},${y(point.low)}`)].join(" ")})),
    ...lines.map((line) => shape("polyline", {class: "line", points: line.map(at).join(" ")})),
    ...(link.length > 1 ? [shape("polyline", {class: "link", points: link.map(at).join(" ")})] : []),
    ...stretches.filter((stretch) => stretch.length === 1).map(([point]) => shape("circle", {class: "dot", cx: x(point), cy: y(point.value), r: 2})),
    ...(chosen && chosen.value !== null ? [shape("circle", {class: isSettled(chosen) ? "dot" : "hollow", cx: x(chosen), cy: y(chosen.value), r: 3})] : []));
}

const quietly = (text) => element("span", {class: "quiet"}, text);

function changeLine(change, label) {
  return element("li", {},
    element("span", {class: "against"}, element("span", {class: "hidden"}, `${label} `), `${change.period}: ${change.value}`),
    element("span", {class: "by"}, change.text),
    ...(change.perDay ? [element("span", {class: "per-day quiet"}, change.perDay)] : []));
}

// A KPI of a member, or of a period that is not the last one; null where it has no such values.
function chosenView(kpi, grain, {dimension, member, place}, isTile) {
  if (!kpi.total[grain] || (dimension && !kpi.by[dimension]?.[grain])) return null;
  const {shown, points} = seriesOf(kpi, grain, dimension, member);
  const wanted = place ?? shown;
  const now = points.find((point) => point.place === wanted);
  const {label} = periodOf(grain, wanted);
  const state = now ? stateText(now.state) : "";
  const view = element("div", {class: "chosen"}, element("p", {class: "period"}, label, ...(state ? [" ", quietly(`(${state})`)] : [])));
  const value = now?.value ?? null;
  const written = writeValue(value, kpi.unit);
  view.append(element("p", {class: state ? "value unsettled" : "value"}, value === null ? written : element("data", {value}, written)));
  if (value === null) {
    view.append(element("p", {class: "basis"}, texts.filter.no_value));
    if (!points.some((point) => point.value !== null)) return view;
  }
  const at = (distance) => points.find((point) => point.place === wanted - distance);
  const before = now && grain.endsWith("year") ? null : now && changeOf(kpi, grain, now, at(1));
  const yearBefore = now && changeOf(kpi, grain, now, at(A_YEAR_BEFORE[grain]));
  if (isTile) {
    if (yearBefore) {
      view.append(element("p", {class: "against"}, element("strong", {}, yearBefore.text), " ", ...(yearBefore.perDay ? [quietly(`(${yearBefore.perDay})`), " "] : []),
        quietly(fill(texts.year_before_line, yearBefore))));
    } else if (value !== null) view.append(element("p", {class: "against"}, quietly(texts.no_year_before)));
  } else if (value !== null) {
    const interval = now.low === null ? [] : [element("span", {class: "interval"}, `${texts.interval_95} ${fill(texts.interval, {low: writeValue(now.low, kpi.unit), high: writeValue(now.high, kpi.unit)})}`), " · "];
    view.append(element("p", {class: "basis"}, ...interval, element("abbr", {title: texts.sample_long}, fill(texts.sample, {n: writeValue(now.n, "count")}))));
  }
  view.append(sparkline(kpi, grain, points, now));
  const changes = [before && changeLine(before, texts.comparisons["period before"]), yearBefore && changeLine(yearBefore, texts.comparisons["year before"])].filter(Boolean);
  if (!isTile && changes.length) view.append(element("ul", {class: "changes"}, ...changes));
  return view;
}
