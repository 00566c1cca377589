"""Rasters of an area -> reflectance x 10^4, month by month, for maps, samples and assessments.

source, geotiffs, cubes     what kinds of files hold, and their stored numbers
reflectance, offset         stored numbers -> reflectance x 10^4; the step of 2022
stack                       a stack as one array (month, band, y, x), read window by window
absent                      bands that a stack lacks and a network knows
products, product_legends   land cover products on the grid of a stack; what their numbers mean
area, lonlat                how large a pixel is, and where
"""
