"""Pages that open by double click: no server, no internet, no installed library.

A browser lets no page from a folder read a file beside it. It runs scripts from that folder,
though. So data come as scripts that call `tsscd.arrived(name, value)`, and arrays in them are
deflated and written as base64, which the browser's own DecompressionStream unpacks.

packing.py   arrays and values -> such scripts; copies the files below beside a page
base.js      tsscd: waits for data, unpacks them, makes elements that hold text as text
viewer.js    a canvas to pan and zoom by mouse, touch and keys
charts.js    curves of reflectance, strips of labels, stacked bars
base.css     colours, fonts, focus; light and dark

The page of a map (mapping/page/) and the page on which samples are interpreted (assessing/web/) use
them. On the level of utils: nothing here imports the project.
"""
