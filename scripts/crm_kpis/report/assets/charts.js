// Draws the figures: each from the table beside it, so that picture and table cannot differ.
"use strict";

const report = JSON.parse(document.getElementById("report-data").textContent);

// How a value of a unit is written in the language of the page; formats.py does the same for what is written before.
const writeValue = (() => {
  const decimal = (digits) => new Intl.NumberFormat(report.language, {minimumFractionDigits: digits, maximumFractionDigits: digits});
  const percent = (digits) => new Intl.NumberFormat(report.language, {style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits});
  const money = (digits, more = {}) => new Intl.NumberFormat(report.language, {style: "currency", currency: report.currency, minimumFractionDigits: digits, maximumFractionDigits: digits, ...more});
  const time = (unit) => new Intl.NumberFormat(report.language, {style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 1});
  const [whole, one, two] = [decimal(0), decimal(1), decimal(2)];
  const [rate, smallRate] = [percent(1), percent(2)];
  const [amount, smallAmount, largeAmount] = [money(0), money(2), money(1, {notation: "compact"})];
  const [days, hours] = [time("day"), time("hour")];
  const write = {
    ratio: (value) => (Math.abs(value) >= 0.01 || value === 0 ? rate : smallRate).format(value),
    points: (value) => `${one.format(value * 100)}\u00a0${report.texts.units.points}`,
    multiple: (value) => `${one.format(value)}\u00a0×`,
    currency: (value) => (Math.abs(value) >= 1e7 ? largeAmount : Math.abs(value) >= 1000 || value === 0 ? amount : smallAmount).format(value),
    days: (value) => days.format(value),
    hours: (value) => hours.format(value),
    score: (value) => (Math.abs(value) >= 10 ? one : two).format(value),
    number: (value) => (Math.abs(value) >= 1000 ? whole : Math.abs(value) >= 10 ? one : two).format(value),
    count: (value) => (Number.isInteger(value) ? whole : one).format(value),
  };
  return (value, unit) => (value === null || value === undefined || Number.isNaN(value) ? "–" : (write[unit] || write.count)(value).replace(/^-/, "−"));
})();

// Shorter, for axes: no digits that the eye does not need there.
const writeTick = (() => {
  const percent = new Intl.NumberFormat(report.language, {style: "percent", maximumFractionDigits: 1});
  const plain = new Intl.NumberFormat(report.language, {notation: "compact", maximumFractionDigits: 1});
  const whole = new Intl.NumberFormat(report.language, {style: "percent", maximumFractionDigits: 0});
  return (value, unit) => ({ratio: percent, whole}[unit] || plain).format(unit === "points" ? value * 100 : value).replace(/^-/, "−");
})();

// Months of a time axis: the year alone in January.
const writeMonth = (() => {
  const write = (more) => new Intl.DateTimeFormat(report.language, {timeZone: "UTC", ...more});
  const [month, year] = [write({month: "short"}), write({year: "numeric"})];
  return (value) => (new Date(value).getUTCMonth() ? month : year).format(value);
})();

const color = {ink: "var(--ink)", quiet: "var(--quiet)", rule: "var(--rule)", accent: "var(--accent)", paper: "var(--paper)", better: "var(--better)", worse: "var(--worse)"};

const config = {
  background: null,
  aria: false,
  customFormatTypes: true,
  font: "system-ui, -apple-system, Segoe UI, Roboto, Liberation Sans, sans-serif",
  view: {stroke: null},
  axis: {
    labelColor: color.quiet, titleColor: color.quiet, gridColor: color.rule, domainColor: color.rule, tickColor: color.rule,
    labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", domain: false, ticks: false, labelPadding: 6,
  },
  legend: {labelColor: color.ink, titleColor: color.quiet, labelFontSize: 12, orient: "top", title: null, symbolType: "square"},
  text: {color: color.ink, fontSize: 12},
};

const shorten = (text, length = 28) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const numbers = (unit, more = {}) => ({format: unit, formatType: "writeTick", title: null, ...more});
const told = (columns) => columns.filter((column) => column.key !== "sort").map((column) => ({
  field: column.unit ? `${column.key}_text` : column.key, type: "nominal", title: column.label,
}));

const periods = {field: "period", type: "ordinal", sort: null, scale: {type: "point", padding: 0.2}, axis: {title: null, labelAngle: 0, labelOverlap: true}};

// A chart for each kind: (rows, columns, options) to a Vega-Lite specification.
const MOST_MEMBERS = 25;
const kinds = {
  dots(rows, columns, {unit}) {
    const y = {field: "label", type: "nominal", sort: null, axis: {title: null, labelLimit: 150}};
    const x = {type: "quantitative", scale: {zero: unit !== "score"}, axis: numbers(unit, {tickCount: 5})};
    return {
      height: rows.length * 24,
      encoding: {y, tooltip: told(columns)},
      layer: [
        {mark: {type: "rule", strokeWidth: 2, color: color.quiet}, transform: [{filter: "isValid(datum.low)"}], encoding: {x: {...x, field: "low"}, x2: {field: "high"}}},
        {mark: {type: "point", filled: true, size: 70, opacity: 1, color: color.accent}, encoding: {x: {...x, field: "value"}}},
        ...(columns.some((column) => column.key === "mark") ? [{mark: {type: "tick", thickness: 3, size: 16, color: color.ink}, transform: [{filter: "isValid(datum.mark)"}], encoding: {x: {...x, field: "mark"}}}] : []),
      ],
    };
  },
  bars(rows, columns) {
    return {
      height: rows.length * 24,
      encoding: {
        y: {field: "label", type: "nominal", sort: null, axis: {title: null, labelLimit: 150}},
        // Room for the number behind the longest bar.
        x: {field: "value", type: "quantitative", axis: null, scale: {range: [0, {expr: "max(width - 80, 40)"}]}},
        tooltip: told(columns),
      },
      layer: [
        {mark: {type: "bar", color: color.accent, height: 14}},
        {mark: {type: "text", align: "left", dx: 5}, encoding: {text: {field: "value_text"}}},
      ],
    };
  },
  line(rows, columns, {unit}) {
    const y = {type: "quantitative", scale: {zero: unit !== "score"}, axis: numbers(unit, {tickCount: 5})};
    const bands = rows.some((row) => row.low !== null && row.low !== undefined);
    return {
      height: 240,
      encoding: {x: periods, tooltip: told(columns)},
      layer: [
        ...(bands ? [{mark: {type: "area", color: color.accent, opacity: 0.18}, transform: [{filter: "isValid(datum.low) && datum.settled"}], encoding: {y: {...y, field: "low"}, y2: {field: "high"}}}] : []),
        {mark: {type: "line", color: color.accent, strokeWidth: 2}, transform: [{filter: "datum.settled"}], encoding: {y: {...y, field: "value"}}},
        {mark: {type: "line", color: color.quiet, strokeWidth: 2, strokeDash: [4, 4]}, transform: [{filter: "datum.changing"}], encoding: {y: {...y, field: "value"}}},
        {mark: {type: "point", filled: true, size: 45, opacity: 1, color: color.accent}, transform: [{filter: "datum.settled && isValid(datum.value)"}], encoding: {y: {...y, field: "value"}}},
        {mark: {type: "point", size: 55, strokeWidth: 2, color: color.quiet}, transform: [{filter: "!datum.settled && isValid(datum.value)"}], encoding: {y: {...y, field: "value"}}},
      ],
    };
  },
  lines(rows, columns, {unit}) {
    // Told apart by colour and the shape of the points: dashes are of what still changes.
    const names = [...new Set(rows.map((row) => row.label))];
    const series = {field: "label", type: "nominal", sort: null, title: null};
    const colored = {...series, scale: {domain: names, range: [color.accent, color.ink, color.worse, color.better]}};
    const shaped = {...series, scale: {domain: names, range: ["circle", "square", "triangle-up", "diamond"]}};
    return {
      height: 240,
      encoding: {
        x: periods,
        y: {field: "value", type: "quantitative", scale: {zero: unit !== "score"}, axis: numbers(unit, {tickCount: 5})},
        tooltip: told(columns),
      },
      layer: [
        {mark: {type: "line", strokeWidth: 2}, transform: [{filter: "datum.settled"}], encoding: {color: colored}},
        {mark: {type: "line", strokeWidth: 1.5, strokeDash: [4, 4], color: color.quiet}, transform: [{filter: "datum.changing"}], encoding: {detail: series}},
        {mark: {type: "point", filled: true, size: 45, opacity: 1}, transform: [{filter: "datum.settled"}], encoding: {color: colored, shape: shaped}},
        {mark: {type: "point", size: 45, strokeWidth: 1.5, color: color.quiet, opacity: 1}, transform: [{filter: "!datum.settled"}], encoding: {shape: shaped}},
      ],
    };
  },
  shares(rows, columns) {
    const names = [...new Set(rows.map((row) => row.label))];
    const order = Object.fromEntries(names.map((name, place) => [name, place]));
    for (const row of rows) row.place = order[row.label];
    const y = {field: "value", type: "quantitative", stack: "normalize", axis: numbers("ratio", {tickCount: 5})};
    return {
      height: 240,
      encoding: {x: {...periods, scale: {type: "band", paddingInner: 0.25, paddingOuter: 0.1}}, y, order: {field: "place"}, tooltip: told(columns)},
      layer: [
        {mark: {type: "bar"}, encoding: {fill: {field: "label", type: "nominal", sort: null, title: null, scale: {domain: names, range: [color.accent, color.rule, color.worse]}, legend: {orient: "top", symbolType: "square"}}}},
        {
          mark: {type: "text", baseline: "middle"},
          encoding: {
            y: {...y, bandPosition: 0.5},
            text: {condition: {test: "datum.value > 0", field: "value_text"}, value: ""},
            color: {condition: {test: "datum.place === 1", value: color.ink}, value: color.paper},
          },
        },
      ],
    };
  },
  heat(rows, columns) {
    const title = columns.find((column) => column.key === "since").label;
    return {
      height: new Set(rows.map((row) => row.period)).size * 26,
      encoding: {
        x: {field: "since", type: "ordinal", axis: {title, orient: "top", labelAngle: 0, labelOverlap: true}, scale: {paddingInner: 0.04}},
        y: {field: "period", type: "ordinal", sort: null, axis: {title: null}, scale: {paddingInner: 0.06}},
        tooltip: told(columns),
      },
      layer: [
        // No darker than text can be read on.
        {mark: {type: "rect", fill: color.accent}, encoding: {fillOpacity: {field: "value", type: "quantitative", scale: {domain: [0, 1], range: [0.05, 0.5]}, legend: null}}},
        {
          mark: {type: "text", fontSize: 11},
          transform: [{calculate: "isValid(datum.value) ? writeTick(datum.value, 'whole') : ''", as: "short"}],
          encoding: {text: {field: "short"}},
        },
      ],
    };
  },
  // Before and after: the weeks, the two values, and the band in which 'after' would usually end up.
  change(rows, columns, {unit, before, after, low, high, since, spans, values}) {
    const y = {type: "quantitative", scale: {zero: false}, axis: numbers(unit, {tickCount: 5})};
    const x = {
      field: "day", type: "temporal", scale: {type: "utc"},
      axis: {title: null, format: "", formatType: "writeMonth", labelAngle: 0, labelOverlap: "greedy", labelSeparation: 8, tickCount: {interval: "month", step: 3}, grid: false},
    };
    const spanOf = (side) => (spans[side].length ? [{from: Date.parse(spans[side][0]), to: Date.parse(spans[side].at(-1))}] : []);
    const bounds = {x: {...x, field: "from"}, x2: {field: "to"}};
    const level = (side, value, ink) => [
      {data: {values: spanOf(side)}, mark: {type: "rule", color: ink, strokeWidth: 3}, encoding: {...bounds, y: {...y, datum: value}}},
      {
        data: {values: spanOf(side)},
        mark: {type: "text", align: "left", baseline: "bottom", dy: -4, text: values[side], fontWeight: 600, color: ink, stroke: color.paper, strokeWidth: 3, strokeOpacity: 0.85},
        encoding: {x: {...x, field: "from"}, y: {...y, datum: value}},
      },
      {
        data: {values: spanOf(side)},
        mark: {type: "text", align: "left", baseline: "bottom", dy: -4, text: values[side], fontWeight: 600, color: ink},
        encoding: {x: {...x, field: "from"}, y: {...y, datum: value}},
      },
    ];
    const hasBand = low !== null && high !== null;
    return {
      height: 220,
      encoding: {tooltip: told(columns)},
      layer: [
        ...(hasBand ? [{data: {values: spanOf("after")}, mark: {type: "rect", color: color.accent, opacity: 0.2}, encoding: {...bounds, y: {...y, datum: low}, y2: {datum: high}}}] : []),
        {mark: {type: "line", color: color.quiet, strokeWidth: 1, opacity: 0.55}, encoding: {x, y: {...y, field: "value"}}},
        {mark: {type: "point", filled: true, color: color.quiet, size: 14, opacity: 0.9}, transform: [{filter: "isValid(datum.value)"}], encoding: {x, y: {...y, field: "value"}}},
        {data: {values: [{day: Date.parse(since)}]}, mark: {type: "rule", color: color.ink, strokeDash: [2, 3], strokeWidth: 1.25}, encoding: {x}},
        ...level("before", before, color.ink),
        ...level("after", after, color.accent),
      ],
    };
  },
  // The change (a diamond) beside the same comparison made earlier (circles).
  earlier(rows, columns, {unit, this: thisOne}) {
    const label = columns.find(({key}) => key === "value").label;
    const title = unit === "points" ? report.texts.units.points : label;
    const x = {field: "value", type: "quantitative", scale: {zero: true, nice: true}, axis: numbers(unit, {title, tickCount: 4, labelOverlap: true})};
    const y = {field: "label", type: "nominal", sort: null, axis: {title: null}};
    const isThis = `datum.label === ${JSON.stringify(thisOne)}`;
    return {
      height: 90,
      encoding: {y, tooltip: told(columns)},
      layer: [
        {mark: {type: "rule", color: color.quiet}, encoding: {x: {datum: 0}, y: {value: 0}, y2: {value: "height"}}},
        {mark: {type: "point", shape: "circle", filled: true, size: 80, opacity: 0.55, color: color.quiet}, transform: [{filter: `!(${isThis})`}], encoding: {x}},
        {mark: {type: "point", shape: "diamond", filled: true, size: 150, opacity: 1, color: color.accent}, transform: [{filter: isThis}], encoding: {x}},
      ],
    };
  },
  target(rows, columns, {unit, target}) {
    const y = {type: "quantitative", scale: {zero: false}, axis: numbers(unit, {tickCount: 5})};
    return {
      height: 200,
      encoding: {x: periods, tooltip: told(columns)},
      layer: [
        {mark: {type: "area", color: color.accent, opacity: 0.18}, transform: [{filter: "isValid(datum.low)"}], encoding: {y: {...y, field: "low"}, y2: {field: "high"}}},
        {mark: {type: "line", color: color.ink, strokeDash: [5, 4], strokeWidth: 1.5}, encoding: {y: {...y, field: "path"}}},
        {mark: {type: "line", color: color.accent, strokeWidth: 2, point: {color: color.accent}}, transform: [{filter: "datum.settled"}], encoding: {y: {...y, field: "value"}}},
        {mark: {type: "line", color: color.quiet, strokeWidth: 2, strokeDash: [4, 4]}, transform: [{filter: "datum.changing"}], encoding: {y: {...y, field: "value"}}},
      ],
    };
  },
};

// The rows of a figure's table, as objects by the keys of its columns.
function readTable(table) {
  const columns = [...table.tHead.rows[0].cells].map((cell) => ({key: cell.dataset.key, unit: cell.dataset.unit, label: cell.textContent.trim()}));
  const rows = [...table.tBodies[0].rows].map((line) => {
    const row = {settled: !line.dataset.unsettled};
    [...line.cells].forEach((cell, place) => {
      const {key, unit} = columns[place];
      const data = cell.querySelector("data");
      row[key] = unit ? (data ? Number(data.value) : null) : cell.textContent.trim();
      if (key === "period" && cell.dataset.sort) row.day = Date.parse(cell.dataset.sort);
      if (unit) row[`${key}_text`] = cell.textContent.trim();
    });
    if (row.name !== undefined) row.label = shorten(row.name);
    return row;
  });
  // What still changes is linked to the last value that does not, by a line of its own.
  for (const label of new Set(rows.map((row) => row.label))) {
    const series = rows.filter((row) => row.label === label);
    const last = series.findLastIndex((row) => row.settled && row.value !== null);
    series.forEach((row, place) => { row.changing = place >= last && row.value !== null && series.length > last + 1; });
  }
  return {columns, rows};
}

// Labels that were cut to the same text must stay apart.
function keepApart(rows, field = "name") {
  const seen = new Map();
  for (const row of rows) {
    if (row[field] === undefined) continue;
    const before = seen.get(row.label);
    if (before !== undefined && before !== row[field]) row.label = `${row.label.slice(0, -1)} (${seen.size})`;
    seen.set(row.label, row[field]);
  }
}

async function draw(figure) {
  const {kind, options} = figure.dataset;
  const make = kinds[kind];
  const table = figure.querySelector("table");
  if (!make || !table) return;
  const {columns, rows} = readTable(table);
  const shown = ["dots", "bars"].includes(kind) ? rows.slice(0, MOST_MEMBERS) : rows;
  keepApart(shown);
  const target = figure.querySelector(".drawing");
  target.replaceChildren();
  const place = document.createElement("div");
  target.append(place);
  const specification = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    width: "container",
    autosize: {type: "fit-x", contains: "padding"},
    data: {values: shown},
    ...make(shown, columns, JSON.parse(options || "{}")),
  };
  await vegaEmbed(place, specification, {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    // Expressions are interpreted, since the page forbids to evaluate text as code.
    ast: true,
    logLevel: 1,
    defaultStyle: false,
    config,
    tooltip: {disableDefaultStyle: true},
    expressionFunctions: {writeTick, writeMonth},
  });
  // The picture has its name on the element around it, and the table has the rest.
  place.querySelector("svg").setAttribute("aria-hidden", "true");
  figure.dataset.drawn = "true";
}
