"""A map -> a probability sample -> blind interpretation -> accuracy, areas and dates.

In the order in which a map meets them:

grid            the map's rasters: grid, legend, labels at points, windows
strata          stable classes and kinds of change, or any raster, counted window by window
allocation      how many points each stratum gets
sample          which pixels: a simple random sample without replacement in each stratum
design          all of these in their order; `design.json`
points          `points.csv`, `points.gpkg` with a style for QGIS
page            the page on which an interpreter says what each point was, without seeing the map
fill            ground truth (known.py: samples, rasters; parcels.py: polygons) as a reference file
written         labels of points as a reference file
interpreted     a reference file -> the points that count, and what to warn of
estimators      a sample -> shares, areas and ratios; intervals: theirs
accuracy, dates what is estimated: classes, transitions, change, months of change
agreement       two interpreters
report          tables, a figure, a page of points where map and reference differ
"""
