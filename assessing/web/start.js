"use strict";
// The scripts of the page need the design, which comes as a script itself: see pages/base.js.

tsscd.load("page", "design").then((design) => {
  window.DESIGN = design;
  for (const name of ["work", "draw", "show", "page"]) {
    const script = tsscd.make("script", {src: `page/${name}.js`});
    script.async = false; // in this order
    document.body.append(script);
  }
}, () => {
  const text = "page/design.js cannot be read. Copy index.html and the folder page together.";
  document.getElementById("message").textContent = text;
});
