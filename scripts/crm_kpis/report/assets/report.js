// What the page does beside showing: sort, fold, download, choose. Everything else is there without it.
"use strict";

(() => {
  const {texts} = report;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // Tables

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

  function makeSortable(table) {
    for (const header of table.tHead.rows[0].cells) {
      if (header.hasAttribute("data-plain")) continue;
      const button = element("button", {type: "button", title: texts.sort_hint}, ...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
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

  const MOST_ROWS = 30;

  function foldAgain(table) {
    const open = table.dataset.open === "true";
    [...table.tBodies[0].rows].forEach((row, place) => row.classList.toggle("folded", !open && place >= MOST_ROWS));
  }

  function makeFoldable(table) {
    const count = table.tBodies[0].rows.length;
    if (count <= MOST_ROWS) return;
    foldAgain(table);
    const button = element("button", {type: "button", class: "action"}, fill(texts.show_all, {count: writeValue(count, "count")}));
    button.addEventListener("click", () => {
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
    button.addEventListener("click", () => {
      const link = element("a", {
        href: URL.createObjectURL(new Blob([toCsv(table)], {type: "text/csv"})),
        download: `${(figure || table.closest("[id]")).id}.csv`,
      });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    table.parentElement.after(button);
  }

  // What the reader chooses

  function cellOf(value, unit) {
    if (!unit) return element("td", {}, element("bdi", {class: "name"}, value));
    const text = writeValue(value, unit);
    return element("td", {class: "number"}, value === null || value === undefined ? text : element("data", {value}, text));
  }

  // The same figure as the macro of the templates makes.
  function figureOf({anchor, kind, title, note, columns, rows, options, running = () => false}) {
    const head = element("tr", {}, ...columns.map(({key, label, unit}) =>
      element("th", {scope: "col", "data-key": key, ...(unit ? {"data-unit": unit, class: "number"} : {})}, label)));
    const body = element("tbody", {}, ...rows.map((row) =>
      element("tr", running(row) ? {"data-running": "true"} : {}, ...columns.map(({unit}, place) => cellOf(row[place], unit)))));
    const table = element("table", {}, element("thead", {}, head), body);
    const figure = element("figure", {class: "chart", id: anchor, "data-kind": kind, "data-options": JSON.stringify(options)},
      element("figcaption", {}, element("h3", {}, title), ...(note ? [element("p", {class: "note"}, note)] : [])),
      element("div", {class: "drawing", role: "img", "aria-label": title}),
      element("details", {class: "data", open: ""}, element("summary", {}, texts.show_table),
        element("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": title}, table)));
    return figure;
  }

  const columnsOf = (first, unit, withInterval) => [
    first,
    {key: "value", label: texts.columns.value, unit},
    ...(withInterval ? [{key: "low", label: texts.columns.low, unit}, {key: "high", label: texts.columns.high, unit}] : []),
  ];
  const count = {key: "n", label: texts.columns.n, unit: "count"};

  function overTime(kpi, grain) {
    const lines = kpi.total[grain];
    const withInterval = lines.some((line) => line[5] !== null);
    return figureOf({
      anchor: "explored-total", kind: "line", options: {unit: kpi.unit},
      title: fill(texts.explore_over_time, {label: kpi.label, grain: texts.grains[grain]}),
      columns: [...columnsOf({key: "period", label: texts.columns.period}, kpi.unit, withInterval), count],
      rows: lines.map(([period, , complete, n, value, low, high]) =>
        [complete ? period : `${period} (${texts.running})`, value, ...(withInterval ? [low, high] : []), n]),
      running: ([period]) => period.endsWith(`(${texts.running})`),
    });
  }

  function byMember(kpi, grain, dimension) {
    const {all, members} = kpi.by[dimension][grain];
    const withInterval = members.some((member) => member[3] !== null);
    const before = (history) => {
      for (let place = 0; place < history.length; place += 2) if (history[place] === 1) return history[place + 1];
      return null;
    };
    const complete = kpi.total[grain].filter((line) => line[2] && line[4] !== null);
    const rows = members.filter((member) => member[2] !== null).map(([name, n, value, low, high, history]) =>
      [report.names[name], value, ...(withInterval ? [low, high] : []), before(history), n]);
    return figureOf({
      anchor: "explored-members", kind: withInterval ? "dots" : "bars", options: {unit: kpi.unit},
      title: fill(texts.explore_by, {label: kpi.label, dimension: texts.dimensions[dimension] || dimension, period: complete[complete.length - 1][0]}),
      note: [
        rows.length > MOST_MEMBERS ? fill(texts.drawn_first, {count: MOST_MEMBERS}) : "",
        all > members.length ? fill(texts.rest_note, {count: writeValue(all - members.length, "count")}) : "",
      ].join(" ").trim(),
      columns: [
        ...columnsOf({key: "name", label: texts.dimensions[dimension] || dimension}, kpi.unit, withInterval),
        {key: "before", label: texts.columns.before, unit: kpi.unit}, count,
      ],
      rows,
    });
  }

  const MOST_LINES = 4;

  function membersOverTime(kpi, grain, dimension) {
    const complete = kpi.total[grain].filter((line) => line[2]);
    const last = complete.findLastIndex((line) => line[4] !== null);
    const largest = kpi.by[dimension][grain].members.filter(([, , , , , history]) => history.length > 2).slice(0, MOST_LINES);
    const rows = [];
    for (const [name, , , , , history] of largest) {
      for (let place = 0; place < history.length; place += 2) {
        const line = complete[last - history[place]];
        if (line) rows.push([line[0], report.names[name], history[place + 1], line[1]]);
      }
    }
    // Periods in their order, also where a member has none of the first.
    rows.sort((one, other) => one[3].localeCompare(other[3]));
    return figureOf({
      anchor: "explored-history", kind: "lines", options: {unit: kpi.unit},
      title: fill(texts.explore_history, {label: kpi.label, dimension: texts.dimensions[dimension] || dimension}),
      columns: [
        {key: "period", label: texts.columns.period},
        {key: "name", label: texts.dimensions[dimension] || dimension},
        {key: "value", label: texts.columns.value, unit: kpi.unit},
      ],
      rows,
    });
  }

  function prepare(figure) {
    const table = figure.querySelector("table");
    makeDownloadable(table);
    makeSortable(table);
    makeFoldable(table);
    return draw(figure);
  }

  function startExplorer() {
    const form = document.querySelector(".choices");
    const {kpi: kpiBox, dimension: dimensionBox, grain: grainBox} = form.elements;
    const place = document.getElementById("explored");
    const option = (value, label) => element("option", {value}, label);

    function fillBoxes(dimension, grain) {
      const kpi = report.kpis[kpiBox.value];
      dimensionBox.replaceChildren(option("", texts.total), ...Object.keys(kpi.by).sort().map((name) => option(name, texts.dimensions[name] || name)));
      grainBox.replaceChildren(...Object.keys(kpi.total).map((name) => option(name, texts.grains[name])));
      if (dimension && kpi.by[dimension]) dimensionBox.value = dimension;
      if (grain && kpi.total[grain]) grainBox.value = grain;
    }

    async function show() {
      const kpi = report.kpis[kpiBox.value];
      const [dimension, grain] = [dimensionBox.value, grainBox.value];
      const figures = dimension && kpi.by[dimension][grain] ? [byMember(kpi, grain, dimension), membersOverTime(kpi, grain, dimension)] : [overTime(kpi, grain)];
      place.replaceChildren(...figures);
      await Promise.all(figures.map(prepare));
      place.dataset.shown = [kpiBox.value, dimension, grain].join("/");
    }

    if (!kpiBox.options.length) return;
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => {
      fillBoxes(dimensionBox.value, grainBox.value);
      show();
    });
    for (const link of document.querySelectorAll("[data-explore]")) {
      link.addEventListener("click", () => {
        kpiBox.value = link.dataset.explore;
        const grain = document.querySelector("[name=grain]:checked").value;
        fillBoxes("", grain);
        show();
      });
    }
    fillBoxes("", document.querySelector("[name=grain]:checked").value);
    show();
  }

  // What is in sight is drawn first, the rest when the browser has time: it must be there for printing.
  function drawInTurn(figures) {
    const waiting = new Set(figures);
    const once = async (figure) => {
      if (waiting.delete(figure)) await draw(figure);
    };
    const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && once(entry.target)), {rootMargin: "300px"});
    figures.forEach((figure) => watcher.observe(figure));
    const idle = window.requestIdleCallback || ((work) => setTimeout(work, 50));
    const next = async () => {
      const [figure] = waiting;
      if (!figure) {
        document.documentElement.dataset.drawn = "true";
        return;
      }
      await once(figure);
      idle(next);
    };
    idle(next);
  }

  // On a phone the page is its first screen and the list of its sections; a link opens the section that it leads to.
  function foldOnPhones() {
    const sections = [...document.querySelectorAll("details.fold")];
    if (!window.matchMedia("(max-width: 50rem)").matches) return;
    for (const section of sections) section.open = false;
    const openTarget = () => {
      const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      const section = target && (target.querySelector("details.fold") || target.closest("details.fold"));
      if (section && !section.open) {
        section.open = true;
        target.scrollIntoView();
      }
    };
    window.addEventListener("hashchange", openTarget);
    window.addEventListener("beforeprint", () => sections.forEach((section) => { section.open = true; }));
    openTarget();
  }

  function start() {
    foldOnPhones();
    const figures = [...document.querySelectorAll("figure.chart")];
    for (const table of document.querySelectorAll("main table")) {
      makeDownloadable(table);
      makeSortable(table);
      makeFoldable(table);
    }
    startExplorer();
    drawInTurn(figures);
    document.documentElement.dataset.ready = "true";
  }

  start();
})();
