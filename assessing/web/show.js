"use strict";
// What the page shows of the point, the month and the work: everything is drawn anew after each action.

function keepAndShow() {
  kept = keep();
  show();
}

function show() {
  const point = pointWork(work.at);
  const done = doneCount();
  const unsure = unsureCount();
  find("progress").textContent = `${done} of ${DESIGN.ids.length} points done`
    + (unsure ? `, ${unsure} unsure` : "");
  find("bar").value = done / DESIGN.ids.length;
  find("filed").textContent = !kept ? "Not kept by this browser: save the file often!"
    : work.filed ? "kept in this browser, not yet in a file" : "";
  const at = POINTS[work.at];
  const where = DESIGN.places[work.at];
  find("number").value = work.at;
  find("where").textContent = `${where[1].toFixed(5)}, ${where[0].toFixed(5)}`;
  showControls(point);
  showStrip(point);
  showFilm(point);
  showChips();
  if (at) {
    drawChart(find("chart"), at, GROUPS[group], month, point.changes);
    const values = DESIGN.bands.map((band, i) => `${band} ${at.series[i][month] ?? "–"}`);
    find("values").textContent = values.join("  ");
  }
}

function showControls(point) {
  find("month").textContent = DESIGN.months[month];
  const isChange = point.changes.includes(month);
  const button = find("change");
  button.replaceChildren(key("Enter"), isChange ? ` No change in ${DESIGN.months[month]} after all`
    : ` The cover changes in ${DESIGN.months[month]}`);
  button.disabled = month === 0;
  const label = point.classes[segmentAt(point, month)];
  [...find("classes").children].forEach((each, i) => each.classList.toggle("on", i === label));
  [...find("confidence").children].forEach((each, i) =>
    each.classList.toggle("on", CONFIDENCE[i] === point.confidence));
  [...find("bands").children].forEach((each) => each.classList.toggle("on", each.textContent === group));
  document.querySelectorAll("[data-look]").forEach((each) =>
    each.classList.toggle("on", each.dataset.look === look));
  const rows = segmentsOf(point).map(([first, end], i) => {
    const row = tsscd.make("li");
    row.classList.toggle("at", i === segmentAt(point, month));
    row.append(swatch(point.classes[i]), `${DESIGN.months[first]} to ${DESIGN.months[end]}: ${className(point.classes[i])}`);
    row.onclick = () => toMonth(first);
    return row;
  });
  find("segments").replaceChildren(...rows);
}

function showStrip(point) {
  const width = find("chart").clientWidth;
  const pieces = segmentsOf(point).map(([first, end], i) => {
    const piece = tsscd.make("div");
    const label = point.classes[i];
    piece.style.left = `${monthLeft(first, width)}px`;
    piece.style.width = `${monthLeft(end + 1, width) - monthLeft(first, width)}px`;
    piece.classList.toggle("open", label === null);
    if (label !== null) {
      piece.style.background = DESIGN.colours[label];
      piece.style.color = isDark(DESIGN.colours[label]) ? "#fff" : "#000";
    }
    piece.textContent = className(label);
    piece.onclick = (event) => toMonth(monthOf(event.clientX - find("chart").getBoundingClientRect().left, width));
    return piece;
  });
  find("strip").replaceChildren(...pieces);
}

function showFilm(point) {
  const film = find("film");
  const scrolls = film.scrollHeight > film.clientHeight; // else the whole page would move
  for (const thumb of film.querySelectorAll(".thumb")) {
    const at = Number(thumb.dataset.month);
    showChip(thumb, work.at, look, at, 1, thumb.clientWidth);
    thumb.classList.toggle("at", at === month);
    if (at === month && scrolls) thumb.scrollIntoView({block: "nearest"});
    thumb.classList.toggle("changed", point.changes.includes(at));
  }
}

function showChips() {
  for (const name of ["true", "false"]) {
    const chip = find(`chip-${name}`);
    showChip(chip, work.at, name, month, CHIP_ZOOMS[zoom], chip.clientWidth);
    showMark(chip, CHIP_ZOOMS[zoom], chip.clientWidth);
  }
}

function className(label) {
  return label === null ? "no class yet" : DESIGN.classes[label];
}

function swatch(label) {
  const square = tsscd.make("i", {class: label === null ? "chip open" : "chip"});
  if (label !== null) square.style.background = DESIGN.colours[label];
  return square;
}

function key(name) {
  return tsscd.make("kbd", {}, name);
}

function isDark(colour) {
  const [red, green, blue] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  return 0.3 * red + 0.59 * green + 0.11 * blue < 130;
}
