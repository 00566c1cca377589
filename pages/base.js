// tsscd: data that come as scripts, and elements that hold text as text.
// A page that was opened by double click may run scripts of its folder, but read no other file.
"use strict";

const tsscd = (() => {
  const waiting = new Map(); // name -> {promise, resolve}
  const PATIENCE = 20000; // milliseconds

  function expect(name) {
    if (!waiting.has(name)) {
      let resolve, reject;
      const promise = new Promise((yes, no) => { resolve = yes; reject = no; });
      waiting.set(name, { promise, resolve, reject });
    }
    return waiting.get(name);
  }

  // Called by the data scripts.
  function arrived(name, value) { expect(name).resolve(value); }

  // Value of a data script `folder/name.js`, loaded once.
  function load(folder, name) {
    const known = waiting.has(name);
    const { promise, reject } = expect(name);
    if (!known) {
      const script = document.createElement("script");
      const fail = () => { reject(new Error(`${folder}/${name}.js cannot be read`)); };
      script.src = `${folder}/${name}.js`;
      script.onerror = fail;
      script.onload = () => script.remove();
      document.head.append(script);
      setTimeout(fail, PATIENCE);
    }
    return promise;
  }

  // Forget a value, so that its memory is free; `load` fetches it again.
  function forget(name) { waiting.delete(name); }

  // base64 of deflated bytes -> Promise of Uint8Array
  async function unpack(text) {
    const letters = atob(text);
    const packed = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) packed[i] = letters.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // An element with text and attributes. Text of the data never becomes HTML.
  function make(tag, attributes = {}, ...inside) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    for (const part of inside) element.append(part); // text becomes a text node
    return element;
  }

  // '#rrggbb' -> one pixel of an ImageData seen as Uint32Array (little-endian), opaque
  function pixelOf(colour) {
    const number = parseInt(colour.slice(1), 16);
    return (255 << 24 | (number & 255) << 16 | (number >> 8 & 255) << 8 | number >> 16) >>> 0;
  }

  // 1234.5 -> '1,234'; three digits are kept of small numbers
  function amount(value) {
    if (value >= 100) return Math.round(value).toLocaleString("en");
    return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 4 });
  }

  return { arrived, load, forget, unpack, make, pixelOf, amount };
})();
