"use strict";
// The controls. Every action changes `work`, keeps it, and draws the page anew.

const POINTS = {}; // those that are loaded
const find = (id) => document.getElementById(id);
const last = DESIGN.months.length - 1;
let month = 0;
let group = "All bands";
let look = "true";
let zoom = 0;
let kept = true;

const KEYS = [
  ["← →", "month before, next month"],
  ["Shift ← →", "a year back, a year on"],
  ["Enter", "(or a double click on a picture) the cover changes in this month: a new segment begins (again: no change)"],
  ["1 2 3 …", "class of the segment"],
  ["s d c", "sure, unsure (doubtful), cannot tell"],
  ["n p", "next point, previous point"],
  ["u", "undo"],
  ["v b", "true or false colour in the overview, which bands are drawn"],
  ["+ − l", "closer, farther, lighter pictures"],
  ["j k", "jump to the first point that is not done, to the next unsure one"],
  ["g", "go to a point: write its number, then Enter"],
  ["i", "write your name (Enter ends it)"],
  ["Ctrl s", "save the file"],
  ["?", "this help"],
];

// --- points ------------------------------------------------------------------------------------

// Load a point once; `ready` is called when its series is there.
function loadPoint(id, ready) {
  if (POINTS[id]) return ready();
  tsscd.load("page", `points/${id}`).then((point) => {
    POINTS[id] = point;
    ready();
  }, () => say(`Point ${id} cannot be read: page/points/${id}.js is missing.`));
}

function go(id) {
  work.at = id;
  month = 0;
  keepAndShow();
  loadPoint(id, () => {
    if (work.at === id) show();
    const after = DESIGN.ids[DESIGN.ids.indexOf(id) + 1];
    if (!after) return;
    loadPoint(after, () => {}); // so that the next point is there at once
    for (const name of ["true", "false"]) new Image().src = `page/points/${after}_${name}.png`;
  });
}

function step(by) {
  const place = DESIGN.ids.indexOf(work.at) + by;
  if (place < 0) return say("This is the first point.");
  if (place < DESIGN.ids.length) return go(DESIGN.ids[place]);
  const open = DESIGN.ids.find((id) => !isDone(id));
  say(open ? `This is the last point. Press j: point ${open} is not done yet.`
    : "All points are done. Save the file, and put reference.csv beside this page.");
}

// The first of the points after this one, in a circle, for which `wanted` holds.
function following(wanted) {
  const place = DESIGN.ids.indexOf(work.at) + 1;
  return [...DESIGN.ids.slice(place), ...DESIGN.ids.slice(0, place)].find(wanted);
}

function nextUnsure() {
  const id = following(isUnsure);
  if (!id) return say("No point is marked unsure.");
  go(id);
}

function goToNumber() {
  const id = find("number").value.trim();
  find("number").blur();
  if (!DESIGN.ids.includes(id)) {
    say(`There is no point ${id}. Points are numbered from 1 to ${DESIGN.ids.length}.`);
    return show();
  }
  say("");
  go(id);
}

function next() {
  const point = pointWork(work.at);
  const given = point.confidence || point.classes.some((label) => label !== null);
  if (given && !isDone(work.at)) {
    const lacks = point.confidence ? "a class for every segment" : "how sure you are (s, d or c)";
    say(`Point ${work.at} is not done: it still needs ${lacks}. Press j to come back to it.`);
  }
  step(1);
}

// --- actions -----------------------------------------------------------------------------------

function change() {
  if (month === 0) return say("The first month begins the first segment. Go to a later month.");
  say("");
  act(work.at, (point) => toggleChange(point, month));
  keepAndShow();
}

function giveClass(label) {
  say("");
  act(work.at, (point) => {
    point.classes[segmentAt(point, month)] = label;
    if (point.confidence === "cannot tell") point.confidence = null;
  });
  keepAndShow();
}

function giveConfidence(word) {
  say("");
  act(work.at, (point) => { point.confidence = point.confidence === word ? null : word; });
  keepAndShow();
}

function takeBack() {
  const id = undo();
  if (id === null) return say("There is nothing to undo.");
  say(`Undone: the last action at point ${id}.`);
  if (id !== work.at) return go(id);
  keepAndShow();
}

function toMonth(wanted) {
  month = Math.max(0, Math.min(last, wanted));
  show();
}

function turn(list, value) {
  return list[(list.indexOf(value) + 1) % list.length];
}

function saveFile() {
  if (!doneCount()) return say("No point is done yet. There is nothing to save.");
  if (!work.name.trim()) {
    find("name").focus();
    return say("Write your name first: it goes into the file.");
  }
  const address = URL.createObjectURL(new Blob([toCsv()], {type: "text/csv"}));
  const link = tsscd.make("a", {href: address, download: "reference.csv"});
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  work.filed = 0;
  say(`reference.csv: ${doneCount()} points. Put it into the folder of this page.`);
  keepAndShow();
}

async function loadFile(file) {
  try {
    const count = fromCsv(await file.text());
    say(`${count} points were taken over from ${file.name}.`);
    keepAndShow();
  } catch (error) {
    say(`${file.name}: ${error.message} Nothing was taken over.`);
  }
}

function say(text) {
  find("message").textContent = text;
}

// --- building, once ----------------------------------------------------------------------------

function button(parts, action) {
  const element = tsscd.make("button", {}, ...parts);
  element.onclick = action;
  return element;
}

function build() {
  find("classes").append(...DESIGN.classes.map((name, label) =>
    button([...(label < 10 ? [key((label + 1) % 10)] : []), swatch(label), name], () => giveClass(label))));
  find("confidence").append(...CONFIDENCE.map((word, i) =>
    button([key("sdc"[i]), ` ${word}`], () => giveConfidence(word))));
  find("bands").append(...Object.keys(GROUPS).map((name) =>
    button([name], () => { group = name; show(); })));
  document.querySelectorAll("[data-look]").forEach((each) => {
    each.onclick = () => { look = each.dataset.look; show(); };
  });
  find("keys").append(...KEYS.map(([name, text]) =>
    tsscd.make("tr", {}, tsscd.make("td", {}, key(name)), tsscd.make("td", {}, text))));
  buildFilm();
  find("chart").onclick = (event) => toMonth(monthOf(event.offsetX, find("chart").clientWidth));
  const actions = {
    change, next, previous: () => step(-1), undo: takeBack, save: saveFile,
    load: () => find("file").click(), "show-help": openHelp,
    "month-back": () => toMonth(month - 1), "month-on": () => toMonth(month + 1),
    bright: brighten, "zoom-in": () => setZoom(1), "zoom-out": () => setZoom(-1),
  };
  for (const [id, action] of Object.entries(actions)) find(id).onclick = action;
  find("file").onchange = () => { if (find("file").files[0]) loadFile(find("file").files[0]); find("file").value = ""; };
  find("name").oninput = () => { work.name = find("name").value; kept = keep(); };
  window.onresize = show;
}

function buildFilm() {
  const names = ["", ..."Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ")];
  const head = names.map((text) => tsscd.make("span", {}, text));
  find("film").append(tsscd.make("div", {class: "year names"}, ...head));
  const years = [...new Set(DESIGN.months.map((name) => name.slice(0, 4)))];
  for (const year of years) {
    const row = tsscd.make("div", {class: "year"}, tsscd.make("span", {}, year));
    DESIGN.months.forEach((name, at) => {
      if (!name.startsWith(year)) return;
      const about = {class: "thumb", "data-month": at, title: name};
      const thumb = tsscd.make("div", about, tsscd.make("i"));
      thumb.style.gridColumn = Number(name.slice(5)) + 1;
      thumb.onclick = () => toMonth(at);
      thumb.ondblclick = change;
      row.append(thumb);
    });
    find("film").append(row);
  }
}

function openHelp() {
  find("help").showModal();
  find("help").scrollTop = 0; // the browser goes to the button at the end
}

function brighten() {
  find("bright").classList.toggle("on", document.body.classList.toggle("light"));
}

function setZoom(by) {
  zoom = Math.max(0, Math.min(CHIP_ZOOMS.length - 1, zoom + by));
  show();
}

function pressed(event) {
  if (find("help").open) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    return saveFile();
  }
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.tagName === "INPUT") {
    if (event.key === "Escape") show(); // the number of this point again
    if (event.key === "Enter" && event.target === find("number")) goToNumber();
    if (event.key === "Enter" || event.key === "Escape") event.target.blur();
    return;
  }
  // A button that was reached with the Tab key is pressed with Enter, as everywhere. The button of
  // the help may still have the keyboard for a moment after the help is closed.
  const onButton = event.target.tagName === "BUTTON" && !find("help").contains(event.target);
  if (onButton && event.key === "Enter") return;
  const actions = {
    ArrowLeft: () => toMonth(month - (event.shiftKey ? 12 : 1)),
    ArrowRight: () => toMonth(month + (event.shiftKey ? 12 : 1)),
    Home: () => toMonth(0), End: () => toMonth(last),
    Enter: change, n: next, p: () => step(-1), u: takeBack,
    s: () => giveConfidence("sure"), d: () => giveConfidence("unsure"), c: () => giveConfidence("cannot tell"),
    v: () => { look = look === "true" ? "false" : "true"; show(); },
    b: () => { group = turn(Object.keys(GROUPS), group); show(); },
    k: nextUnsure, g: () => find("number").select(),
    j: () => { const open = DESIGN.ids.find((id) => !isDone(id)); open ? go(open) : step(DESIGN.ids.length); },
    "+": () => setZoom(1), "=": () => setZoom(1), "-": () => setZoom(-1),
    i: () => find("name").focus(), l: brighten,
    "?": openHelp,
  };
  const digit = "1234567890".indexOf(event.key);
  const action = digit >= 0 && event.key.length === 1
    ? digit < DESIGN.classes.length && (() => giveClass(digit)) : actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

recall();
build();
find("name").value = work.name;
document.addEventListener("keydown", pressed);
// A button that was clicked gives the keyboard back, so that Enter means a change again.
document.addEventListener("click", (event) => {
  const active = document.activeElement;
  if (event.detail > 0 && active && active.tagName === "BUTTON" && !find("help").open) active.blur();
});
// The page is open in another tab too, and that one kept its work: this one goes on from there.
window.addEventListener("storage", (event) => {
  if (event.key !== STORE || !event.newValue) return;
  const {at} = work;
  recall();
  work.at = at;
  past = []; // what the other tab changed cannot be undone here
  find("name").value = work.name;
  show();
});
window.addEventListener("beforeunload", (event) => { if (!kept && work.filed) event.preventDefault(); });
go(work.at);
if (!Object.keys(work.points).length) openHelp();
