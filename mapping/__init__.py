"""An area's stack -> where, when and to what the land changed.

In the order in which a pixel meets them:

source, geotiffs, cubes     what kinds of files hold, and their stored numbers
stack                       a stack as reflectance x 10^4, month by month
windows, workers            labels of its pixels, window by window, in threads or on Dask
unfinished                  finished windows on disk, so that an interrupted map can go on
pixels, mosaic              labels -> dates and kinds of change -> rasters of the whole area
pipeline                    all of these in their order
products, area, figures     rasters' formats and colours, the ground area of pixels, the figures
memory                      keeps and gives back the memory of windows
"""
