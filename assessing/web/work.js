"use strict";
// What the interpreter has said: kept in the browser after every action, undone, written as CSV.
// A point's work: changes = first months of new covers (positions, rising), classes = one for each
// segment (null = not given yet), confidence = one of CONFIDENCE or null.

const CONFIDENCE = ["sure", "unsure", "cannot tell"];
const STORE = "tsscd-assess-" + DESIGN.key;
const HEAD = ["id", "interpreter", "first_month", "last_month", "class", "confidence", "lon", "lat"];

let work = {name: "", at: DESIGN.ids[0], points: {}, filed: 0};
let past = []; // for undo: [id, JSON of the point's work before]

function emptyPoint() {
  return {changes: [], classes: [null], confidence: null};
}

function pointWork(id) {
  return work.points[id] || emptyPoint();
}

function isDone(id) {
  const point = work.points[id];
  if (!point || !point.confidence) return false;
  return point.confidence === "cannot tell" || point.classes.every((label) => label !== null);
}

function doneCount() {
  return DESIGN.ids.filter(isDone).length;
}

function isUnsure(id) {
  return isDone(id) && work.points[id].confidence === "unsure";
}

function unsureCount() {
  return DESIGN.ids.filter(isUnsure).length;
}

// --- keeping -----------------------------------------------------------------------------------

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify(work));
    return true;
  } catch (error) {
    return false; // the browser keeps nothing, as in private mode: the page says so
  }
}

function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE));
    if (kept && kept.points) work = {...work, ...kept};
  } catch (error) {
    // Damaged or forbidden storage is as good as none; a saved file can still be loaded.
  }
  if (!DESIGN.ids.includes(work.at)) work.at = DESIGN.ids[0];
}

// Change a point's work by `action(point)`, so that it can be undone.
function act(id, action) {
  const before = JSON.stringify(work.points[id] || null);
  const point = JSON.parse(JSON.stringify(pointWork(id)));
  action(point);
  if (JSON.stringify(point) === before) return;
  past.push([id, before]);
  work.points[id] = point;
  work.filed += 1;
}

// Undo the last action; returns the id of its point, or null.
function undo() {
  const last = past.pop();
  if (!last) return null;
  const [id, before] = last;
  if (before === "null") delete work.points[id];
  else work.points[id] = JSON.parse(before);
  work.filed += 1;
  return id;
}

// --- segments ----------------------------------------------------------------------------------

// First and last month (positions) of each segment.
function segmentsOf(point) {
  const starts = [0, ...point.changes];
  return starts.map((start, i) => [start, (starts[i + 1] ?? DESIGN.months.length) - 1]);
}

function segmentAt(point, month) {
  return point.changes.filter((change) => change <= month).length;
}

// A change begins at `month`, or the one that begins there goes away.
function toggleChange(point, month) {
  if (month === 0) return;
  const place = point.changes.indexOf(month);
  if (place >= 0) {
    point.changes.splice(place, 1);
    point.classes.splice(place + 1, 1);
    return;
  }
  const segment = segmentAt(point, month);
  point.changes.splice(segment, 0, month);
  point.classes.splice(segment + 1, 0, null);
}

// --- files -------------------------------------------------------------------------------------

function csvCell(value) {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

// reference.csv of all points that are done.
function toCsv() {
  const rows = [HEAD];
  for (const id of DESIGN.ids.filter(isDone)) {
    const point = work.points[id];
    const place = DESIGN.places[id];
    const told = point.confidence !== "cannot tell";
    const segments = told ? segmentsOf(point) : [[0, DESIGN.months.length - 1]];
    segments.forEach(([first, last], i) => {
      const name = told ? DESIGN.classes[point.classes[i]] : "";
      const months = [DESIGN.months[first], DESIGN.months[last]];
      rows.push([id, work.name, ...months, name, point.confidence, ...place]);
    });
  }
  return rows.map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function parseCsv(text) {
  const comma = /^[^,\n]*;/.test(text) ? ";" : ","; // spreadsheets of many countries save with ;
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    const row = rows[rows.length - 1];
    if (quoted && letter === '"' && text[i + 1] === '"') row[row.length - 1] += text[i++];
    else if (letter === '"') quoted = !quoted;
    else if (letter === comma && !quoted) row.push("");
    else if (letter === "\n" && !quoted) rows.push([""]);
    else if (letter !== "\r" || quoted) row[row.length - 1] += letter;
  }
  return rows.filter((row) => row.length > 1);
}

// Take over the points of a reference.csv; returns how many. Throws an Error with one clear line.
function fromCsv(text) {
  const [head, ...rows] = parseCsv(text.replace(/^\ufeff/, ""));
  const missing = HEAD.slice(0, 6).filter((name) => !(head || []).includes(name));
  if (missing.length) throw new Error("This is no reference.csv: column " + missing[0] + " is missing.");
  const found = {};
  rows.forEach((cells, number) => {
    const row = Object.fromEntries(head.map((name, i) => [name, cells[i]]));
    addRow(found, row, "Row " + (number + 2) + ": ");
  });
  for (const [id, point] of Object.entries(found)) work.points[id] = point;
  work.name = work.name || (rows[0] && rows[0][head.indexOf("interpreter")]) || "";
  past = [];
  return Object.keys(found).length;
}

function addRow(found, row, where) {
  if (!DESIGN.ids.includes(row.id)) throw new Error(where + "point " + row.id + " is not of this design.");
  if (!CONFIDENCE.includes(row.confidence)) throw new Error(where + "'" + row.confidence + "' is no confidence.");
  const [lon, lat] = DESIGN.places[row.id]; // every design counts from 1: places tell them apart
  const apart = Math.max(Math.abs(row.lon - lon), Math.abs(row.lat - lat));
  if (row.lon && row.lat && apart > 1e-4) throw new Error(where + "point " + row.id + " lies elsewhere in this design.");
  const told = row.confidence !== "cannot tell";
  const label = told ? DESIGN.classes.indexOf(row.class) : null;
  const month = DESIGN.months.indexOf(row.first_month);
  if (label === -1) throw new Error(where + "class '" + row.class + "' is not of this design.");
  if (month === -1) throw new Error(where + "month '" + row.first_month + "' is not of this design.");
  const point = (found[row.id] ||= {...emptyPoint(), confidence: row.confidence});
  if (month > 0) toggleChange(point, month);
  point.classes[segmentAt(point, month)] = label;
}
