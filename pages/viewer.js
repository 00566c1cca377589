// A canvas that shows a grid of pixels and is moved by mouse, touch and keys.
//
// const viewer = new Viewer(canvas, {width, height, aspect, draw, picked, pointed, moved});
// draw(context, viewer): draws what is in view; viewer.toScreen(column, row) -> [x, y] in CSS
// pixels. picked(column, row): a click, a tap or Enter. pointed(column, row): the pointer is there.
// moved(): the view has changed. Columns and rows are fractions: (0, 0) is the upper left corner.
"use strict";

class Viewer {
  static TAP = 6; // CSS pixels that a finger may move and still tap
  static LARGEST = 64; // CSS pixels of a pixel

  constructor(canvas, { width, height, aspect = 1, draw, picked, pointed, moved }) {
    Object.assign(this, { canvas, width, height, aspect, draw, picked, pointed, moved });
    this.pointers = new Map();
    this.column = width / 2;
    this.row = height / 2;
    this.zoom = 1;
    this.focused = false;
    this.listen();
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
    this.fit();
  }

  get smallest() { // CSS pixels of a pixel at which the whole area is in view
    const { clientWidth, clientHeight } = this.canvas;
    return Math.min(clientWidth / this.width, clientHeight / (this.height * this.aspect)) || 1;
  }

  fit() {
    [this.column, this.row] = [this.width / 2, this.height / 2];
    this.zoom = this.smallest * 0.96;
    this.changed();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    this.redraw();
  }

  toScreen(column, row) {
    const { clientWidth, clientHeight } = this.canvas;
    return [
      (column - this.column) * this.zoom + clientWidth / 2,
      (row - this.row) * this.zoom * this.aspect + clientHeight / 2,
    ];
  }

  toGrid(x, y) {
    const { clientWidth, clientHeight } = this.canvas;
    return [
      (x - clientWidth / 2) / this.zoom + this.column,
      (y - clientHeight / 2) / (this.zoom * this.aspect) + this.row,
    ];
  }

  // Show this place in the middle; zoom: CSS pixels of a pixel.
  show(column, row, zoom = this.zoom) {
    [this.column, this.row, this.zoom] = [column, row, zoom];
    this.changed();
  }

  zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const [column, row] = this.toGrid(x, y);
    const lowest = Math.min(this.smallest * 0.5, 1);
    this.zoom = Math.min(Viewer.LARGEST, Math.max(lowest, this.zoom * factor));
    const [after, below] = this.toGrid(x, y);
    this.column += column - after;
    this.row += row - below;
    this.changed();
  }

  panBy(x, y) {
    this.column -= x / this.zoom;
    this.row -= y / (this.zoom * this.aspect);
    this.changed();
  }

  changed() {
    this.column = Math.min(this.width, Math.max(0, this.column));
    this.row = Math.min(this.height, Math.max(0, this.row));
    this.redraw();
    if (this.moved) this.moved();
  }

  redraw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      const context = this.canvas.getContext("2d");
      const ratio = window.devicePixelRatio || 1;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
      this.draw(context, this);
      if (this.focused) this.drawCross(context);
    });
  }

  drawCross(context) { // where Enter picks
    const [x, y] = [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2];
    for (const [colour, width] of [["#fff", 4], ["#000", 1.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(x - 12, y);
      context.lineTo(x + 12, y);
      context.moveTo(x, y - 12);
      context.lineTo(x, y + 12);
      context.stroke();
    }
  }

  listen() {
    const { canvas } = this;
    canvas.style.touchAction = "none";
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this.up(event, name === "pointerup"));
    }
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * 0.0015), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.setFocus(canvas.matches(":focus-visible")));
    canvas.addEventListener("blur", () => this.setFocus(false));
  }

  setFocus(focused) {
    this.focused = focused;
    this.redraw();
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.start = this.pointers.size === 1 ? [event.offsetX, event.offsetY] : null;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    const now = [event.offsetX, event.offsetY];
    if (!before) {
      if (this.pointed) this.pointed(...this.toGrid(...now));
      return;
    }
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, now);
    this.pointers.set(event.pointerId, now);
    if (this.start && this.distance(this.start, now) <= Viewer.TAP) return;
    this.start = null;
    if (this.pointers.size === 1) this.panBy(now[0] - before[0], now[1] - before[1]);
  }

  pinch(id, before, now) {
    const [, other] = [...this.pointers].find(([key]) => key !== id);
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    const factor = this.distance(now, other) / Math.max(1, this.distance(before, other));
    this.zoomBy(factor, ...middle);
    this.panBy((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  }

  up(event, ended) {
    this.pointers.delete(event.pointerId);
    if (ended && this.start) this.pick(...this.toGrid(...this.start));
    this.start = null;
  }

  distance([x, y], [left, top]) { return Math.hypot(x - left, y - top); }

  pick(column, row) {
    const inside = column >= 0 && row >= 0 && column < this.width && row < this.height;
    if (inside && this.picked) this.picked(Math.floor(column), Math.floor(row));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = Math.min(this.canvas.clientWidth, this.canvas.clientHeight) / 8;
    const actions = {
      ArrowLeft: () => this.panBy(step, 0),
      ArrowRight: () => this.panBy(-step, 0),
      ArrowUp: () => this.panBy(0, step),
      ArrowDown: () => this.panBy(0, -step),
      "+": () => this.zoomBy(1.5),
      "=": () => this.zoomBy(1.5),
      "-": () => this.zoomBy(1 / 1.5),
      0: () => this.fit(),
      Enter: () => this.pick(this.column, this.row),
      " ": () => this.pick(this.column, this.row),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    this.setFocus(true);
    actions[event.key]();
  }
}
