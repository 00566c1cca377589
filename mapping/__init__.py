"""An area's stack -> where, when and to what the land changed. See README.md in this folder.

`stacks/` reads the stack. Then, in the order in which a pixel meets them:

adapted                     the weights fitted to the area before, where asked for
windows, workers            labels of its pixels, window by window, in threads or on Dask
thinned                     the reflectances that the page shows
unfinished                  finished windows on disk, so that an interrupted map can go on
pixels, mosaic              labels -> dates and kinds of change -> rasters of the whole area
neighbours, events          changes of pixels -> change events
polygons, polygon_style     change events -> changes.gpkg
webpage, stackpage, page/   index.html of a map, of a stack alone; its files
summary                     pixels and hectares of classes and transitions
evidence                    land cover products as evidence beside the network
options                     what a user may say of a map
pipeline                    all of these in their order: make_map
products, figures           the rasters' formats and colours; the figures
"""
