// What the page does beside showing: sort, fold, download, choose. Everything else is there without it.
"use strict";

const firstGrain = document.querySelector("[name=grain]:checked").value;

// On a phone the page is its first screen and the list of its sections; a link opens the section that it leads to.
function goTo(anchor) {
  const target = anchor && document.getElementById(anchor);
  if (!target) return;
  const section = target.querySelector("details.fold") || target.closest("details.fold");
  if (section) section.open = true;
  target.scrollIntoView();
}

function foldOnPhones() {
  const sections = [...document.querySelectorAll("details.fold")];
  if (!window.matchMedia("(max-width: 50rem)").matches) return;
  for (const section of sections) section.open = false;
  const openTarget = () => {
    const target = document.getElementById(readAddress().anchor);
    const section = target && (target.querySelector("details.fold") || target.closest("details.fold"));
    if (section && !section.open) goTo(target.id);
  };
  window.addEventListener("hashchange", openTarget);
  window.addEventListener("beforeprint", () => sections.forEach((section) => { section.open = true; }));
  openTarget();
}

// What is in sight is drawn first, the rest when the browser has time: it must be there for printing.
function drawInTurn(figures) {
  const waiting = new Set(figures);
  const once = async (figure) => {
    if (waiting.delete(figure)) await draw(figure);
  };
  const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && once(entry.target)), {rootMargin: "300px"});
  figures.forEach((figure) => watcher.observe(figure));
  // Where a browser prints without showing, idle time may never come: then it is enough to have waited.
  const idle = (work) => (window.requestIdleCallback ? requestIdleCallback(work, {timeout: 200}) : setTimeout(work, 50));
  return new Promise((resolve) => {
    const next = async () => {
      const [figure] = waiting;
      if (!figure) {
        resolve();
        return;
      }
      await once(figure);
      idle(next);
    };
    idle(next);
  });
}

async function startChoices() {
  try {
    await openBook();
  } catch {
    // A browser from before 2023: all is there but the choices.
    return;
  } finally {
    tellOpened();
  }
  const unknown = startFilters();
  startRecords();
  await startExplorer();
  if (isFiltered() || unknown.length) await showFilter(unknown);
  else document.documentElement.dataset.filter = location.hash;
  const {anchor, chosen} = readAddress();
  if (chosen.length) goTo(anchor);
}

async function start() {
  foldOnPhones();
  const figures = [...document.querySelectorAll("figure.chart")];
  document.querySelectorAll("main table").forEach(prepareTable);
  document.documentElement.dataset.ready = "true";
  await Promise.all([drawInTurn(figures), startChoices()]);
  document.documentElement.dataset.drawn = "true";
}

start();
